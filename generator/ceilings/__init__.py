"""The best score that any reader of a catalog's pictures could have, computed from its spec."""
