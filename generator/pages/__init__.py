"""Catalogs as pages: the browsable one and the figures."""
