"""generator.sampling."""
