"""A catalog spec from real rows, with differential privacy where asked."""
