"""Write catalogs in other formats than Parquet shards."""

FORMATS = ("csv", "jsonl", "sql", "webdataset", "imagefolder", "chat", "chat-parquet", "llava")
"""Names of the formats; here, so that the command line can name them without importing pyarrow."""
