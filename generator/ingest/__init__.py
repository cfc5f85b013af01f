"""Other people's tables and pictures, from disk or the network, checked row by row."""
