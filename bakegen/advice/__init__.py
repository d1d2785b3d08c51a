"""Advice on Dockerfiles: what keeps caches from working or a build from being repeatable, and edits where they are safe."""

from bakegen.advice.checking import check, improved
from bakegen.advice.model import Finding, Improved, State, Surroundings, Value
from bakegen.advice.state import handed_down

__all__ = ["Finding", "Improved", "State", "Surroundings", "Value", "check", "handed_down", "improved"]
