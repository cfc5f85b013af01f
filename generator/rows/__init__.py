"""Rows without pictures by the hundred thousand: columns from numbers, compiled loops, Arrow and Parquet."""
