"""Cache mounts on a real engine: pruned by id and no others, carried to where they are missing."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import uuid
from pathlib import Path

import pytest

from bakegen.engine.client import docker_command
from bakegen.engine.du import cache_mounts, records
from bakegen.engine.info import inspect_builder
from tests import lab
from tests.support import bakegen, write_project
from tests.test_zero_downloads import BASIS, MANIFEST, Index, index, wheels

pytestmark = pytest.mark.engine
__all__ = ["index", "wheels"]

OWN = """\
version: 1
family: {family}
bases: {{python: python:3.11-slim}}
images:
  {family}-a: {{from: python, dockerfile: Dockerfile, python: "3.11"}}
"""
STEPS = """\
FROM python:3.11-slim
ARG TARGETARCH
RUN --mount=type=cache,id={family}-one-$TARGETARCH,target=/one : {family}; date > /one/f
RUN --mount=type=cache,id={family}-own,target=/own,uid=77,gid=78,mode=0750,sharing=locked : {family}; \\
    touch -d 2001-02-03 /own/f; chown 5:6 /own/f; ln /own/f /own/hard; ln -s /own/f /own/link; mkdir /own/d
RUN --mount=type=cache,id={family},target=/plain : {family}; echo x > /plain/f
"""


@pytest.fixture(autouse=True)
def _client(engine: lab.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in engine.env.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def base(engine: lab.Engine) -> str:
    """Return the option that leads the base to what the engine has."""
    return f"--base=python={engine.substitutions.get('python:3.11-slim', 'python:3.11-slim')}"


def family(root: Path, name: str) -> Path:
    root.mkdir()
    return write_project(root, OWN.format(family=name), {"Dockerfile": STEPS.format(family=name)})


def build(engine: lab.Engine, root: Path) -> None:
    base = engine.substitutions.get("python:3.11-slim", "python:3.11-slim")
    text = (root / "Dockerfile").read_text().replace("FROM python:3.11-slim", f"FROM {base}")
    command = [str(engine.docker), "buildx", "build", "--output=type=cacheonly", "--file=-", str(root)]
    subprocess.run(command, input=text.encode(), check=True, capture_output=True)


def ids(prefix: str) -> set[str]:
    return {mount.id for mount in cache_mounts(docker_command()) if mount.id.startswith(prefix)}


def test_prune_removes_the_familys_own_and_nothing_else(tmp_path: Path, engine: lab.Engine) -> None:
    # ids of one family begin with that of the other, and match it as patterns: only equal ones may go
    name = f"f{uuid.uuid4().hex[:12]}"
    mine, other = family(tmp_path / "mine", name), family(tmp_path / "other", f"{name}-x")
    build(engine, mine)
    build(engine, other)
    theirs = ids(f"{name}-x")
    assert len(theirs) == 3

    dry = bakegen("cache", "prune", "--all", "--dry-run", "--json", cwd=mine)
    assert dry.returncode == 0, dry.stderr
    assert {entry["id"] for entry in json.loads(dry.stdout)["mounts"]} == ids(name) - theirs
    assert len(ids(name)) == 6, "a dry run removes nothing"

    one = bakegen("cache", "prune", "--id", f"{name}-one-*", cwd=mine)
    assert one.returncode == 0, one.stderr
    assert len(ids(name) - theirs) == 2
    done = bakegen("cache", "prune", "--all", cwd=mine)
    assert done.returncode == 0, done.stderr
    assert ("may forget layers" in done.stderr) == inspect_builder(docker_command()).containerd_store
    assert ids(name) == theirs
    listed = json.loads(bakegen("cache", "ls", "--json", cwd=mine).stdout)
    assert [entry["present"] for entry in listed] == [False] * 3
    bakegen("cache", "prune", "--all", cwd=other)


def test_contents_come_back_as_they_were(tmp_path: Path, engine: lab.Engine, base: str) -> None:
    name = f"f{uuid.uuid4().hex[:12]}"
    root = family(tmp_path / "f", name)
    build(engine, root)
    before = {record.id for record in records(docker_command())}
    done = bakegen("cache", "export", "caches.tar.gz", base, cwd=root)
    assert done.returncode == 0, done.stderr
    with tarfile.open(root / "caches.tar.gz", "r:gz") as archive:
        members = {member.name: member for member in archive}
    assert next(iter(members)) == "manifest.json"
    own = next(member for member in members.values() if member.name.endswith("/link")).name.rpartition("/")[0]
    assert (members[own].uid, members[own].gid, members[own].mode) == (77, 78, 0o750)
    assert (members[f"{own}/f"].uid, members[f"{own}/f"].gid) == (5, 6)
    assert members[f"{own}/hard"].islnk()
    assert members[f"{own}/link"].linkname == "/own/f"

    assert bakegen("cache", "prune", "--all", cwd=root).returncode == 0
    assert not ids(name)
    back = bakegen("cache", "import", "caches.tar.gz", base, cwd=root)
    assert back.returncode == 0, back.stderr
    assert len(ids(name)) == 3
    again = bakegen("cache", "export", "again.tar", base, cwd=root)
    assert again.returncode == 0, again.stderr
    with tarfile.open(root / "again.tar") as archive:
        returned = {member.name: member for member in archive}
    assert returned.keys() == members.keys()
    for path, member in members.items():
        if path.startswith("mounts/"):
            other = returned[path]
            assert (other.type, other.uid, other.gid, other.mode, other.linkname) == (
                member.type,
                member.uid,
                member.gid,
                member.mode,
                member.linkname,
            )
    assert returned[f"{own}/f"].mtime == members[f"{own}/f"].mtime
    now = (record for record in records(docker_command()) if record.id not in before)
    left = [record for record in now if "bakegen-export-" in record.description]
    assert all(record.type == "exec.cachemount" for record in left), "a transfer leaves nothing else in the build cache"
    bakegen("cache", "prune", "--all", cwd=root)


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_an_engine_without_the_familys_mounts_starts_warm_from_an_archive(
    installer: str, tmp_path: Path, index: Index, docker_env: dict[str, str], base: str
) -> None:
    run = uuid.uuid4().hex
    files = {
        "basis/Dockerfile": BASIS.format(url=index.url, host=index.host, run=run),
        "parent.txt": "alpha\n",
        "child.txt": "gamma\n",
    }
    root = write_project(tmp_path, MANIFEST.format(installer=installer, url=index.url, run=run), files)
    build = ["build", "zero-child", "--no-output", base, "--fresh=zero-parent", "--fresh=zero-child"]
    # uv's own wheel is in a mount that all families share: it is not this test's to remove
    mine = ["--id", f"pip-{run}", "--id", f"apt-{run}-*"]

    def ran(*arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "bakegen", *arguments],
            cwd=root,
            env=docker_env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    ran(*build)
    assert index.traffic()["wheels"] >= 3 * 200_000, "cold: every wheel leaves the index"
    ran("cache", "export", "caches.tar", base, *mine)
    ran("cache", "prune", *mine)
    assert not ids(f"pip-{run}") | ids(f"apt-{run}")
    ran("cache", "import", "caches.tar", base, *mine)
    index.traffic()
    ran(*build)
    down = index.traffic()
    assert (down["wheels"], down["debs"]) == (0, 0)

    ran("cache", "prune", *mine)
    ran(*build)
    assert index.traffic()["wheels"] >= 3 * 200_000, "without the import the same build is cold"
    ran("cache", "prune", *mine)
