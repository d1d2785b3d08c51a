"""Hand-written Dockerfiles and what builds them -> a family: who stands on whom, a manifest, the smallest edits."""
