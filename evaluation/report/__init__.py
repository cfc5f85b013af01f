"""evaluation.report."""
