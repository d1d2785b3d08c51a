"""Advice on Dockerfiles: what keeps caches from working or a build from being repeatable, and edits where they are safe."""
