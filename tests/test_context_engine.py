"""A real engine is sent what `bakegen context` says, and nothing that it calls left out."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.manifests import family
from tests.support import bakegen, write_project

MANIFEST = family("all: {dockerfile: all.Dockerfile}\nsome: {dockerfile: some.Dockerfile}") + "dockerignore: false\n"
FILES = {
    "all.Dockerfile": "FROM scratch\nCOPY . /\n",
    "some.Dockerfile": "FROM scratch AS skipped\nCOPY docs /\nFROM scratch\nCOPY link/part* /x/\nCOPY empty /\n",
    ".dockerignore": "*.yaml\ndata\n!data/kept\n**.tmp\n!work\nempty\n!*/file\nempty\n",
    "src/app.py": "a" * 300_000,
    "src/x.tmp": "b" * 90_000,
    "data/kept/one": "c" * 200_000,
    "data/lost/two": "d" * 900_000,
    "work/x.tmp/inner": "e" * 90_000,  # `!work` does not take it back: BuildKit does not ask on the walk
    "empty/file": "f" * 1000,
    "docs/guide.md": "g" * 500_000,
    "real/part.1": "h" * 100_000,
    "real/other": "i" * 100_000,
}
#: What a file costs beside its content: its name, its mode, and the frames of the protocol.
OVERHEAD = 400


def build(root: Path, dockerfile: str, env: dict[str, str]) -> tuple[int, dict[str, int]]:
    """Return the bytes of context that BuildKit says it got, and the files of the image with their sizes."""
    command = ["docker", "buildx", "build", "--progress=rawjson", "--no-cache", "-f", dockerfile]
    target = root.parent / f"{dockerfile}.tar"
    built = subprocess.run(
        [*command, "--output", f"type=tar,dest={target}", "."], cwd=root, env=env, capture_output=True, check=True
    )
    reports = (json.loads(line) for line in built.stderr.splitlines() if line.startswith(b"{"))
    statuses = [status for report in reports for status in report.get("statuses") or ()]
    amounts = [status["current"] for status in statuses if status["id"] == "transferring context:"]
    with tarfile.open(target) as image:
        return max(amounts), {member.name: member.size for member in image if member.isfile()}


def said(root: Path, image: str) -> dict[str, dict[str, int]]:
    found = json.loads(bakegen("context", image, "--json", "--ignored", cwd=root).stdout)
    sent = {file["path"]: file["bytes"] for file in found["files"] if file["sent"]}
    empty = dict.fromkeys(found["emptied"], 0)
    return {"sent": sent | empty, "left_out": {item["path"]: item["bytes"] for item in found["left_out"]}}


@pytest.mark.engine
def test_what_is_said_is_what_the_engine_gets(tmp_path: Path, docker_env: dict[str, str]) -> None:
    root = write_project(tmp_path / "project", MANIFEST, FILES)
    (root / "link").symlink_to("real")

    everything = said(root, "all")
    got, image = build(root, "all.Dockerfile", docker_env)
    links = {path for path in everything["sent"] if (root / path).is_symlink()}
    assert image == {path: size for path, size in everything["sent"].items() if path not in links}
    total = sum(everything["sent"].values())
    assert total <= got <= total + OVERHEAD * len(FILES)
    assert set(everything["left_out"]) == {"bakegen.yaml", "data", "src/x.tmp", "work/x.tmp"}
    assert image["empty/file"] == 0  # it arrives empty, as is said
    assert not any(name.startswith(tuple(everything["left_out"])) for name in image if not name.startswith("data/kept"))


@pytest.mark.engine
def test_copy_gets_no_more_than_it_names(tmp_path: Path, docker_env: dict[str, str]) -> None:
    root = write_project(tmp_path / "project", MANIFEST, FILES)
    (root / "link").symlink_to("real")
    (sent, total) = (said(root, "some")["sent"], 100_000)
    assert sent == {"empty/file": 0, "link": 0, "real/part.1": total}
    got, image = build(root, "some.Dockerfile", docker_env)
    assert image == {"file": 0, "x/part.1": total}
    assert total <= got <= total + OVERHEAD * len(FILES)
