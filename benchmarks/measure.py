"""Times whole processes against each other; POSIX only, as it asks the kernel for each child's memory."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True, slots=True)
class Sample:
    """One finished process."""

    seconds: float
    mebibytes: float


@dataclass(frozen=True, slots=True)
class Command:
    """A command under a name, and where it runs."""

    name: str
    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]

    def sample(self) -> Sample:
        """Run the command once; a failure ends the benchmark."""
        start = time.perf_counter()
        child = subprocess.Popen(
            self.argv, cwd=self.cwd, env=dict(self.env), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"{self.name} failed with {child.returncode}: {' '.join(self.argv)}")
        return Sample(time.perf_counter() - start, usage.ru_maxrss / 1024)


def alternate(commands: Sequence[Command], *, rounds: int) -> dict[str, list[Sample]]:
    """Return samples of each command, taken in turn after one warm-up each, so that a slow minute hits all alike."""
    found: dict[str, list[Sample]] = {command.name: [] for command in commands}
    for number in range(rounds + 1):
        for command in commands:
            sample = command.sample()
            if number:
                found[command.name].append(sample)
    return found


def row(name: str, samples: Sequence[Sample], against: Sequence[Sample] | None = None) -> str:
    """Return a line of figures: median, minimum, peak memory, and the median ratio to another command's, pair by pair."""
    seconds = [sample.seconds for sample in samples]
    text = f"{name:<44} {median(seconds):7.3f} s (min {min(seconds):.3f})  {max(s.mebibytes for s in samples):5.0f} MiB"
    if against:
        ratio = median(a.seconds / b.seconds for a, b in zip(samples, against, strict=True))
        text += f"  x{ratio:.2f}"
    return text
