"""schemas.util."""
