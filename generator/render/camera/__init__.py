"""Snapshots: product photographs as people take them at home."""
