"""Silhouettes of shoes: boots, heels, sandals, sneakers, and the last and uppers that they share."""
