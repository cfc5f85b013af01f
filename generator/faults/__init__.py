"""Faulty rows made on purpose, listed, and scored."""
