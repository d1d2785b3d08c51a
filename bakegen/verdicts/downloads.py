"""What a step's log says was downloaded, by tool.

Measured with pip 24.0 and 26.3, uv 0.9.9 and 0.13.9, apt 2.6 in RUN steps, which have no terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

#: ``archives`` are apt's packages, ``lists`` its package lists, ``wheels`` is bakegen's own docker/pip-install.py.
Tool: TypeAlias = Literal["pip", "uv", "archives", "lists", "wheels"]

_SIZE = r"([\d.,]+) ?([kKMGT]?i?B)"
_UNITS = {"k": 1, "K": 1, "M": 2, "G": 3, "T": 4}
_PIP = re.compile(r"\s*Downloading (\S+) \(([\d.,]+) ([kMG]?B|bytes)\)")  # uv has no blank and binary units
_PIP_KEPT = re.compile(r"\s*(?:Using cached \S+|File was already downloaded )")
_PIP_SPEAKS = re.compile(
    r"\s*(?:Collecting \S+|Requirement already satisfied: |Successfully (?:installed|downloaded) )"
)
_UV = re.compile(r"Downloading (\S+) \(([\d.]+)([KMGT]?i?B)\)")
_UV_COUNT = re.compile(r"(Prepared|Installed|Audited|Checked|Resolved) (\d+) packages? in ")
_GET = re.compile(rf"Get:\d+ \S+ (.+) \[{_SIZE}\]")
_LISTS_SPEAK = re.compile(r"(?:Get|Hit|Ign):\d+ ")
_NEED = re.compile(rf"Need to get {_SIZE}(?:/{_SIZE})? of archives")
_NOTHING_NEW = re.compile(r"\d+ upgraded, \d+ newly installed, ")
_WORDS_OF_A_PACKAGE = 5  # suite/component, architecture, name, architecture, version; lists have three at most


@dataclass(frozen=True, slots=True)
class Download:
    """What one tool fetched: ``bytes`` at least, ``exact`` or not, and whether it also took files from its cache."""

    bytes: int
    exact: bool = True
    reused: bool = False

    @property
    def known(self) -> int | None:
        """The bytes, or None when the log shows that there were some, but not how many."""
        return self.bytes if self.exact or self.bytes else None


def downloads(log: Sequence[str]) -> Mapping[Tool, Download]:
    """Return what each tool that speaks in a log says it fetched; a tool that is not there was quiet, or not used.

    pip names every file with its size. uv names only files of 1 MiB and more, so its sum is a lower bound as soon as it
    "Prepared" more packages than it named; without a "Prepared" line all came from its cache. apt-get says what it needs
    to get before it installs, and names each list.
    """
    found: dict[Tool, Download] = {}
    for tool, read in (("pip", _pip), ("uv", _uv), ("archives", _archives), ("lists", _lists), ("wheels", _wheels)):
        if (download := read(log)) is not None:
            found[tool] = download  # type: ignore[index]  # the names above are the tools
    return found


def size(number: str, unit: str) -> int:
    """Return the bytes of an amount such as ``12.3 MB`` (pip, apt: decimal) or ``2.9 MiB`` (uv: binary); 0 if it is none."""
    try:
        value = float(number.replace(",", ""))
    except ValueError:
        return 0
    return round(value * float((1024 if "i" in unit else 1000) ** _UNITS.get(unit[0], 0)))


def _matches(pattern: re.Pattern[str], log: Iterable[str]) -> Iterator[re.Match[str]]:
    return (match for line in log if (match := pattern.match(line)))


def _pip(log: Sequence[str]) -> Download | None:
    named = [size(match[2], match[3]) for match in _matches(_PIP, log)]
    kept = any(_matches(_PIP_KEPT, log))
    if not (named or kept or any(_matches(_PIP_SPEAKS, log))):
        return None
    return Download(sum(named), reused=kept)


def _uv(log: Sequence[str]) -> Download | None:
    counts: dict[str, int] = {}
    for match in _matches(_UV_COUNT, log):
        counts[match[1]] = counts.get(match[1], 0) + int(match[2])
    if not counts:
        return None
    named = [size(match[2], match[3]) for match in _matches(_UV, log)]
    prepared = counts.get("Prepared", 0)
    return Download(sum(named), exact=prepared <= len(named), reused=counts.get("Installed", 0) > prepared)


def _archives(log: Sequence[str]) -> Download | None:
    needs = list(_matches(_NEED, log))
    if not needs:
        return Download(0) if any(_matches(_NOTHING_NEW, log)) else None
    fetched = sum(size(need[1], need[2]) for need in needs)
    return Download(fetched, reused=any(need[3] for need in needs))


def _lists(log: Sequence[str]) -> Download | None:
    if not any(_matches(_LISTS_SPEAK, log)):
        return None
    gets = [get for get in _matches(_GET, log) if len(get[1].split()) < _WORDS_OF_A_PACKAGE]
    return Download(sum(size(get[2], get[3]) for get in gets), reused=any(line.startswith("Hit:") for line in log))


def _wheels(log: Sequence[str]) -> Download | None:
    if not any(line == "installed" or line.startswith("installed ") for line in log):
        return None
    return Download(0, exact=not any(line.startswith("fetching ") for line in log))
