"""Make faulty rows on purpose, list them, and score who finds them."""
