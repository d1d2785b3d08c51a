"""The values of a bench: what is edited, what was measured, what came of it. Seconds are wall time, amounts are bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: In the order in which a round runs them.
SCENARIOS = (
    "cold",
    "unchanged",
    "one-source",
    "light-requirement",
    "common-requirement",
    "base-bump",
    "torch-bump",
)
OURS = "bakegen"
BASELINES = ("plain", "phase1")


@dataclass(frozen=True, slots=True)
class Append:
    """A line at the end of a file; ``{mark}`` in it becomes a word that no round before has used."""

    path: str
    line: str


@dataclass(frozen=True, slots=True)
class Spot:
    """A version in a file: line and column from 1, and what stands there, without quotes."""

    line: int
    column: int
    old: str


@dataclass(frozen=True, slots=True)
class Release:
    """Versions in a file, each of which goes one patch release further back in every round."""

    path: str
    spots: tuple[Spot, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a scenario does to this family. ``why_not`` says why it does not apply; then nothing else counts.

    ``base`` is the base that changes. ``new_wheel`` is whether the edit brings a wheel that caches cannot hold yet, but
    should when the round begins; ``spares`` whether it leaves images alone that have RUN steps. ``rounds`` is how many
    rounds there is something new for; None: any number.
    """

    scenario: str
    text: str
    edit: Append | Release | None = None
    base: str = ""
    new_wheel: bool = False
    spares: bool = False
    rounds: int | None = None
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Downloads:
    """What a build fetched. ``wheels`` counts files, so 0 is certain; ``exact`` is whether all sizes were told.

    Without ``exact``, ``wheel_bytes`` is a lower bound, or what the caches grew by where the log told no size.
    """

    wheel_bytes: int = 0
    wheels: int = 0
    deb_bytes: int = 0
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Sample:
    """One timed build: ``error`` is the end of its log when it failed. ``runs`` are RUN steps, ``cached`` those not run.

    ``doubt`` says why its figures do not count: the engine took caches away that the scenario begins with.
    """

    seconds: float
    downloads: Downloads = field(default_factory=Downloads)
    runs: int = 0
    cached: int = 0
    error: str = ""
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Results:
    """All samples, by scenario and side, a place for each round (None: not run or failed); errors by the same.

    ``warnings`` are (scenario, text).
    """

    machine: Mapping[str, object]
    command: str
    sides: tuple[str, ...]
    choices: tuple[Choice, ...]
    samples: Mapping[tuple[str, str], tuple[Sample | None, ...]]
    errors: Mapping[tuple[str, str], str] = field(default_factory=dict)
    warnings: tuple[tuple[str, str], ...] = ()
    stopped: bool = False
