"""``python -m benchmarks.exporting``: how long the engine takes to take in one large layer, by how it is compressed.

The layer is the virtual environment of the reference family's ``base-ml``, 5.3 GB, copied anew for each export: an engine
that has a layer's blob in one compression does not make another one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from statistics import median

from bakegen.build.options import Options, request
from bakegen.engine.bake import override_file
from bakegen.project import load
from tests import lab
from tests.demo import ROOT, build_arguments

WAYS = {
    "zstd, what bakegen takes": "compression=zstd",
    "zstd, fastest": "compression=zstd,compression-level=1",
    "uncompressed": "compression=uncompressed",
}
BASE = "python:3.11-slim"
TAG = "bakegen-benchmark/exporting:latest"


class Exports:
    """Bakes of one target that copies the environment, on the engine and with the bases that the family has there."""

    def __init__(self, engine: lab.Engine, scratch: Path) -> None:
        """Take the engine and a directory for bake files."""
        self.docker, self.env, self.scratch = str(engine.docker), {**os.environ, **engine.env}, scratch
        words = build_arguments(engine)
        bases = tuple(word for flag, word in pairwise(words) if flag == "--base")
        plan = load(ROOT / "bakegen.yaml").plan()
        contexts = request(plan, ("base-ml",), ROOT, Options(bases=bases), epoch="").contexts
        contexts = {**contexts, "exported": {"ml": "target:base-ml"}}
        self.sets = [word for flag, word in pairwise(words) if flag == "--set"]
        self.base = engine.substitutions.get(BASE, BASE)
        self.file("bases.json", override_file(contexts=contexts))

    def file(self, name: str, text: str) -> None:
        """Write a bake file."""
        (self.scratch / name).write_text(text, encoding="utf-8")

    def run(self, *words: str) -> float:
        """Return the seconds that a docker command takes; a failure ends the benchmark."""
        begun = time.perf_counter()
        subprocess.run([self.docker, *words], cwd=ROOT, env=self.env, check=True, capture_output=True)
        return time.perf_counter() - begun

    def export(self, way: str) -> float:
        """Return the seconds that the export of a layer that no build has seen takes."""
        text = f"FROM {self.base}\nCOPY --from=ml /opt/venv /{time.time_ns()}\n"
        target = {"context": ".", "dockerfile-inline": text, "tags": [TAG], "output": ["type=cacheonly"]}
        self.file("exported.json", json.dumps({"target": {"exported": target}}))
        self.file("way.json", override_file(outputs={"exported": (f"type=image,{way}",)}))
        files = ("docker-bake.hcl", *(str(self.scratch / name) for name in ("exported.json", "bases.json")))
        flags = (*(("--file", file) for file in files), *(("--set", word) for word in self.sets))
        bake = ("buildx", "bake", "--progress=rawjson", *(word for flag in flags for word in flag))
        self.run(*bake, "exported")
        seconds = self.run(*bake, "--file", str(self.scratch / "way.json"), "exported")
        self.run("image", "rm", "--force", TAG)
        return seconds


def main() -> None:
    """Export in each way in turn, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="each leaves 15 GB in the build cache")
    rounds = parser.parse_args().rounds
    found: Mapping[str, list[float]] = {name: [] for name in WAYS}
    with lab.engine() as engine, tempfile.TemporaryDirectory() as scratch:
        exports = Exports(engine, Path(scratch))
        command = [sys.executable, "-m", "bakegen", "build", "base-ml", "--no-output", *build_arguments(engine)]
        subprocess.run(command, cwd=ROOT, env=exports.env, check=True)
        for _ in range(rounds):
            for name, way in WAYS.items():
                found[name].append(exports.export(way))
                sys.stdout.write(f"{name:<28} {found[name][-1]:6.1f} s\n")
                sys.stdout.flush()
    first = median(next(iter(found.values())))
    for name, seconds in found.items():
        sys.stdout.write(f"{name:<28} {median(seconds):6.1f} s  x{median(seconds) / first:.2f}\n")


if __name__ == "__main__":
    main()
