"""``make bench``: the figures of docs/benchmarks.md."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.adopting import adopt_rows
from benchmarks.measure import Command, alternate, row
from benchmarks.reporting import report_rows
from tests import lab
from tests.registries import FakeRegistry, index

ROOT = Path(__file__).parents[1]
BAKEGEN = (sys.executable, "-m", "bakegen")


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def family(count: int) -> str:
    """Return a manifest of ``count`` images in chains and fans, as large families have them."""
    images: dict[str, dict[str, object]] = {"root": {"from": "python", "apt": ["git"], "pip": "requirements.txt"}}
    for number in range(1, count):
        parent = "root" if number % 10 == 1 else f"image-{number - number % 10 + 1 if number % 10 else number - 9}"
        images[f"image-{number}"] = {
            "from": parent,
            "pip": "requirements.txt",
            "copy": "main.py",
            "labels": {"org.opencontainers.image.title": f"image {number}"},
            "entrypoint": ["python", "/app/main.py"],
        }
    return json.dumps(
        {
            "version": 1,
            "family": "many",
            "registry": "example.org/many",
            "bases": {"python": "python:3.11-slim"},
            "images": images,
        }
    )


def project(root: Path, count: int) -> Path:
    """Write a project of ``count`` images and return where."""
    root.mkdir()
    (root / "bakegen.yaml").write_text(family(count), encoding="utf-8")
    (root / "requirements.txt").write_text("six==1.17.0\n", encoding="utf-8")
    (root / "main.py").write_text("print('hello')\n", encoding="utf-8")
    return root


def light(root: Path, count: int) -> Path:
    """Write a project of ``count`` images that take no time to build, so that what bakegen adds shows."""
    root.mkdir()
    (root / "main.py").write_text("print('hello')\n", encoding="utf-8")
    images = {f"light-{number}": {"from": "python", "copy": "main.py"} for number in range(count)}
    manifest = {"version": 1, "family": "light", "bases": {"python": "python:3.11-slim"}, "images": images}
    (root / "bakegen.yaml").write_text(json.dumps(manifest), encoding="utf-8")
    return root


def rendering(scratch: Path, engine: lab.Engine, rounds: int) -> None:
    """Start-up and rendering, beside bake's own time to resolve the same file."""
    env = {**os.environ, **engine.env}
    python = Command("python -c pass", (sys.executable, "-c", "pass"), ROOT, env)
    help_ = Command("bakegen --help", (*BAKEGEN, "--help"), ROOT, env)
    render = Command("bakegen render, 15 images, nothing changed", (*BAKEGEN, "render"), ROOT, env)
    bake = Command(
        "docker buildx bake --print, 15 images", (str(engine.docker), "buildx", "bake", "--print"), ROOT, env
    )
    found = alternate([python, help_, render, bake], rounds=rounds)
    for command in (python, help_, render, bake):
        say(row(command.name, found[command.name]))
    many = project(scratch / "many", 500)
    cold = scratch / "cold"

    def fresh() -> None:
        shutil.rmtree(cold, ignore_errors=True)
        project(cold, 500)

    fresh()
    render = Command("bakegen render, 500 images, nothing changed", (*BAKEGEN, "render"), many, env)
    first = Command(
        "bakegen render, 500 images, all written",
        ("sh", "-c", f"rm -rf docker && exec {' '.join(BAKEGEN)} render"),
        cold,
        env,
    )
    bake = Command(
        "docker buildx bake --print, 500 images", (str(engine.docker), "buildx", "bake", "--print"), many, env
    )
    found = alternate([render, first, bake], rounds=rounds)
    for command in (render, first, bake):
        say(row(command.name, found[command.name], found[bake.name]))


def building(scratch: Path, engine: lab.Engine, rounds: int) -> None:
    """Print what bakegen adds to the raw bake of the same file."""
    env = {**os.environ, **engine.env}
    root = light(scratch / "light", 15)
    base = engine.substitutions.get("python:3.11-slim")
    if base:  # FROM is unpinned here, so that both build on the same stand-in without any override
        say(f"(base: {base})")
    ours = Command("bakegen build, 15 light images, cached", (*BAKEGEN, "build"), root, env)
    # under other tags, so that the next build of ours finds its images as it left them
    apart = {**env, "REGISTRY": "example.org/raw"}
    raw = Command(
        "docker buildx bake, the same file", (str(engine.docker), "buildx", "bake", "--progress=plain"), root, apart
    )
    found = alternate([ours, raw], rounds=rounds)
    say(row(ours.name, found[ours.name], found[raw.name]))
    say(row(raw.name, found[raw.name]))
    added = sorted(a.seconds - b.seconds for a, b in zip(found[ours.name], found[raw.name], strict=True))
    say(f"{'added, median':<44} {added[len(added) // 2]:7.3f} s")


def locking(scratch: Path, engine: lab.Engine, rounds: int) -> None:
    """Print what it takes to lock 200 references, beside buildx asking for the same, and how often each asks."""
    env = {**os.environ, **engine.env}
    root = scratch / "locked"
    root.mkdir()
    with FakeRegistry() as registry:
        refs = [f"{registry.host}/r{number}:1" for number in range(200)]
        for number in range(200):
            registry.put(f"r{number}", "1", index({"linux/amd64": f"image {number}".encode()}))
        bases = {f"b{number}": ref for number, ref in enumerate(refs)}
        manifest = {"version": 1, "family": "many", "bases": bases, "images": {"a": {"from": "b0", "run": "true"}}}
        (root / "bakegen.yaml").write_text(json.dumps(manifest), encoding="utf-8")
        (root / "references").write_text("\n".join(refs), encoding="utf-8")
        ours = " ".join(BAKEGEN)
        commands = [
            Command(
                "bakegen lock, 200 new references", ("sh", "-c", f"rm -f bakegen.lock; exec {ours} lock"), root, env
            ),
            Command("bakegen lock --upgrade, nothing has moved", (*BAKEGEN, "lock", "--upgrade"), root, env),
            Command("bakegen lock --dry-run, all known: no request", (*BAKEGEN, "lock", "--dry-run"), root, env),
            Command("imagetools inspect --raw, 8 at a time", ("sh", "-c", _INSPECT), root, env),
        ]
        found = alternate(commands, rounds=rounds)
        for command in commands:
            say(row(command.name, found[command.name], found[commands[0].name]))
        for command in commands:
            heads, gets = (registry.count(method, "/manifests/") for method in ("HEAD", "GET"))
            command.sample()
            more = registry.count("HEAD", "/manifests/") - heads, registry.count("GET", "/manifests/") - gets
            say(f"{command.name:<46} {more[0]:4} HEAD {more[1]:4} GET of manifests")


def reporting(scratch: Path, rounds: int) -> None:
    """Print what a report costs a build of 15 images and one of 210; needs no engine."""
    for line in report_rows(scratch / "reported", rounds):
        say(line)


def adopting(scratch: Path, rounds: int) -> None:
    """Print what it takes to read, check and adopt hundreds of Dockerfiles; needs no engine."""
    for line in adopt_rows(scratch / "adopted", rounds):
        say(line)


_INSPECT = "xargs -P 8 -n 1 docker buildx imagetools inspect --raw < references"


def main() -> None:
    """Run what was asked for and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", choices=["rendering", "building", "locking", "reporting", "adopting"])
    options = parser.parse_args()
    for part in (reporting, adopting):
        if options.only in {None, part.__name__}:
            with tempfile.TemporaryDirectory() as scratch:
                part(Path(scratch), options.rounds)
            if options.only:
                return
    with lab.engine() as engine, tempfile.TemporaryDirectory() as scratch:
        for measure in (rendering, building, locking):
            if options.only in {None, measure.__name__}:
                measure(Path(scratch), engine, options.rounds)


if __name__ == "__main__":
    main()
