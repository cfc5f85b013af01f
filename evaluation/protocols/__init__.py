"""Ways to ask a model: free text, constrained text, ranked categories and prices, and controls without evidence."""
