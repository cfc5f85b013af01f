"""Where a catalog lies: a folder, an object store, a hub."""
