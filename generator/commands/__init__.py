"""The commands of the generator, one file a group; `generator.cli` mounts them."""
