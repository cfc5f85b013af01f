"""evaluation.models."""
