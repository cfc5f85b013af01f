"""The former place of `njit_cached`."""

from generator.render.engine import njit_cached as compiled

__all__ = ["compiled"]
