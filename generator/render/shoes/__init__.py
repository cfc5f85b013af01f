"""Silhouettes of shoes: boots, heels, sandals, sneakers, and the soles that they share."""
