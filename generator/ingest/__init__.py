"""Read tables and images of other people, from disk or the network, and check them row by row."""
