"""Measurements, one question a file; those of several files run as modules: `python -m benchmarks.realism`."""
