"""Help with writing a spec: a starter, and what a spec will give."""
