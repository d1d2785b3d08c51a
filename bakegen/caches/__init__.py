"""The cache mounts of a family: which there are, removing them, carrying them to another engine."""
