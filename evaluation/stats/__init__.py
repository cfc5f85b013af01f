"""Statistics of clustered rows: intervals, paired tests, bootstrap. Nothing here knows about products or models."""
