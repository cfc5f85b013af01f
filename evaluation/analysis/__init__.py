"""evaluation.analysis."""
