"""Analyses beyond one score table: comparison, matrix of mixes, contamination, counterfactual images."""
