"""Write catalogs in other formats than Parquet shards."""
