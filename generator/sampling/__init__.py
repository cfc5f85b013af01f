"""Sample the values of products (category, attributes, title, price, codes) from a catalog spec, vectorised."""
