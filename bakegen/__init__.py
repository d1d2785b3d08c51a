"""Typed families of container images: models, rendering, and parallel builds on BuildKit."""
