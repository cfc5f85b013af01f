"""generator.catalog."""
