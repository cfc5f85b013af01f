"""Pages in one HTML file: a catalog to browse, and its figures as charts."""
