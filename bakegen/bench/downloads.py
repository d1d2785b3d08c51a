"""What a build fetched and what it ran, read from what it printed. Pure.

- pip names each file with its size: ``Downloading six-1.17.0-py2.py3-none-any.whl (11 kB)``; metadata files are no wheels
- uv names files from 1 MiB on, ``Downloading numpy (17.4MiB)``, and says ``Prepared 5 packages`` when it took any that its
  cache did not have (crates/uv/src/commands/reporters.rs and pip/loggers.rs of astral-sh/uv)
- apt says before it begins: ``Need to get 1,234 kB/5,678 kB of archives.`` or ``Need to get 5,678 kB of archives.``
- bakegen's pip-install.py says ``fetching six==1.17.0``; the size is what the mount grew by, as for ``pip download --quiet``
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bakegen.bench.model import Downloads
from bakegen.engine.events import Log, Vertex, parse_line
from bakegen.engine.names import parse_name

#: Where steps keep wheels as files or in uv's cache, by the target of the mount.
WHEEL_MOUNTS = ("/wheels", "/root/.cache/wheels")
UV_MOUNTS = ("/root/.cache/uv",)

_UNITS = {"bytes": 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_SIZE = r"([\d.,]+)\s?(bytes|[kMGT]?B|[KMGT]iB)"
_PIP = re.compile(rf"\bDownloading \S+\.(?:whl|tar\.gz|zip|tar\.bz2) \({_SIZE}\)")
_UV = re.compile(
    r"^\s*Downloading [A-Za-z0-9][\w.-]* \(([\d.,]+)([KMGT]?i?B)\)"
)  # no space before the unit, unlike pip
_PREPARED = re.compile(r"^\s*Prepared (\d+) packages? in ")
_APT = re.compile(rf"^\s*Need to get {_SIZE}(?:/\S+ \S+)? of archives")
_FETCHING = re.compile(r"^\s*fetching (\S.*)")
_MOUNT = re.compile(r"--mount=(\S+)")
_PATH = re.compile(r"(?:/[\w.+-]+)+")
_PLAIN = re.compile(r"^#\d+ (?:\[[^\]]*\] )?[\d.]+ ")


@dataclass(slots=True)
class _Count:
    pip: list[int] = field(default_factory=list)
    uv: list[int] = field(default_factory=list)
    prepared: int = 0
    fetching: int = 0
    debs: int = 0

    def take(self, line: str) -> None:
        """Take in one line that a step printed."""
        if match := _PIP.search(line):
            self.pip.append(amount(match[1], match[2]))
        elif match := _UV.match(line):
            self.uv.append(amount(match[1], match[2]))
        elif match := _PREPARED.match(line):
            self.prepared += int(match[1])
        elif match := _APT.match(line):
            self.debs += amount(match[1], match[2])
        elif match := _FETCHING.match(line):
            self.fetching += len(match[1].split())


def amount(number: str, unit: str) -> int:
    """Return bytes: ``1,234 kB`` is 1234000, ``1.5 MiB`` is 1572864."""
    return round(float(number.replace(",", "") or 0) * _UNITS[unit])


def read_output(lines: Iterable[bytes]) -> tuple[list[str], dict[str, bool]]:
    """Return the lines that steps printed, and for each RUN step whether it was cached rather than run.

    Takes progress as JSON lines and as plain text. A step that several images share counts once; so does one that a
    build looks at again after it ran.
    """
    printed: dict[str, list[bytes]] = defaultdict(list)
    ran: dict[str, bool] = {}
    plain: list[str] = []
    for line in lines:
        found = parse_line(line)
        if isinstance(found, str):
            plain.append(_PLAIN.sub("", found))
            continue
        for event in found:
            if isinstance(event, Log):
                printed[event.vertex].append(event.data)
            elif isinstance(event, Vertex) and event.completed is not None and not event.error:
                name = parse_name(event.name)
                stage = name.stage if name.number else parse_name(event.name, "sole").stage
                title = f"{stage} {name.text}"
                if name.text.startswith("RUN "):
                    ran[title] = ran.get(title, True) and event.cached
    texts = [b"".join(parts).decode(errors="replace") for parts in printed.values()]
    return [*plain, *(line for text in texts for line in text.splitlines())], ran


def downloads(printed: Iterable[str], grown: Mapping[str, int]) -> Downloads:
    """Return what was fetched; ``grown`` is by how many bytes each cache mount grew, by its target."""
    count = _Count()
    for line in printed:
        count.take(line)
    kept = sum(max(grown.get(target, 0), 0) for target in WHEEL_MOUNTS)
    listed = sum(count.pip) + sum(count.uv)
    unnamed = max(count.prepared - len(count.uv), 0)
    if unnamed and not count.uv:
        listed += sum(max(grown.get(target, 0), 0) for target in UV_MOUNTS)
    wheels = len(count.pip) + max(count.prepared, len(count.uv)) + max(count.fetching, int(kept > 0))
    return Downloads(listed + kept, wheels, count.debs, exact=not (unnamed or kept))


def mounted(ran: Mapping[str, bool]) -> set[str]:
    """Return the targets of the cache mounts that these steps (title -> cached) had when they ran; plain paths only."""
    flags = (flag.split(",") for title, cached in ran.items() if not cached for flag in _MOUNT.findall(title))
    options = (word.partition("=") for words in flags if "type=cache" in words for word in words)
    names = {"target", "dst", "destination"}
    return {value for key, _, value in options if key in names and _PATH.fullmatch(value)}


def mount_sizes(records: Iterable[Mapping[str, object]], namespace: str) -> dict[str, int]:
    """Return the bytes in the cache mounts of a namespace by their target, from what `docker buildx du` tells."""
    sizes: dict[str, int] = defaultdict(int)
    for record in records:
        match = re.search(
            r"^cached mount (\S+) from .* with id \"/?([^\"]*)\"$", str(record.get("Description")), re.DOTALL
        )
        size = re.fullmatch(_SIZE, str(record.get("Size")))
        if match and size and match[2].startswith(f"{namespace}/"):
            sizes[match[1]] += amount(size[1], size[2])
    return dict(sizes)
