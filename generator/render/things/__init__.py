"""Silhouettes of objects: bags, belts, eyewear, watches, small leather goods, home and beauty products."""
