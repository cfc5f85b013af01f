"""generator.render.engine."""
