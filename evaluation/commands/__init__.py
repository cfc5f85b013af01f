"""evaluation.commands."""
