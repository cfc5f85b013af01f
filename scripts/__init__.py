"""Maintenance scripts of the repository; they are not installed."""
