"""evaluation.protocols."""
