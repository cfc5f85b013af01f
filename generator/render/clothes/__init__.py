"""Silhouettes that are worn: clothes, hats, gloves, scarves; bodies, sleeves, collars and fronts that they share."""
