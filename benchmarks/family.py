"""``python -m benchmarks.family``: ``bakegen bench`` of the reference family, on this machine's engine or in the lab.

Words are those of ``bakegen bench``; the bases and the torch index that the engine reaches are added.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tests import lab
from tests.demo import ROOT, build_arguments


def main(words: list[str]) -> int:
    """Run the bench and return its exit code."""
    with lab.engine() as engine:
        command = [sys.executable, "-m", "bakegen", "bench", *words, *build_arguments(engine)]
        return subprocess.run(command, cwd=ROOT, env={**os.environ, **engine.env}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
