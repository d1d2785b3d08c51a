"""Living with pins: what has to be locked, moving it, checking it, writing it into Dockerfiles."""
