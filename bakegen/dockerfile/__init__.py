"""Dockerfiles as values: a lossless parser, and what a file says about the images it needs."""
