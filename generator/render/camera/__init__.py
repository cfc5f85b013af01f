"""generator.render.camera."""
