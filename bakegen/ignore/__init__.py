"""What .dockerignore leaves out of a build, as BuildKit reads and matches it; pure."""

from bakegen.ignore.cover import Hidden, hidden
from bakegen.ignore.patterns import IgnoreError, Pattern, Patterns

__all__ = ["Hidden", "IgnoreError", "Pattern", "Patterns", "hidden"]
