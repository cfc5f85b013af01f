"""generator.render.things."""
