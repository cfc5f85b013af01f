"""generator.render.shoes."""
