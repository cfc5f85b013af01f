"""From answers to figures: scoring of one answer, metrics, baselines, scores of a model, differences of two."""
