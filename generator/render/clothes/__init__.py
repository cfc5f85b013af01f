"""generator.render.clothes."""
