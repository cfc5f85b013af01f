"""Catalogs in other forms: CSV, JSON lines, SQL, WebDataset, imagefolder."""
