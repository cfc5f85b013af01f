"""Helpers that every package shares: files, locks, console output, retries, HTML pages and SVG plots."""
