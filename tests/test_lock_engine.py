"""The lock on a real engine and registry: tags that move, builds that follow the lock, going back; and kill -9."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bakegen.lock import read
from tests.locks import image_bytes
from tests.registries import FakeRegistry
from tests.support import bakegen, write_project

if TYPE_CHECKING:
    from tests import lab

SLIM = "python:3.11-slim"


class Registry:
    """Images pushed to the lab's registry under names that no run before has used."""

    def __init__(self, engine: lab.Engine, env: dict[str, str], tmp_path: Path) -> None:
        """Take an engine with a registry."""
        self.engine, self.env, self.directory = engine, env, tmp_path / "pushed"
        self.prefix = f"{engine.registry}/bakegen-test/{time.time_ns():x}"
        self.directory.mkdir()

    def push(self, name: str, word: str) -> str:
        """Push an image that holds a word in /word under a name; return its reference."""
        ref, base = f"{self.prefix}/{name}", self.engine.substitutions.get(SLIM, SLIM)
        (self.directory / "Dockerfile").write_text(f"FROM {base}\nRUN echo {word} > /word\n")
        self.docker("buildx", "build", "--quiet", "--push", "--tag", ref, str(self.directory))
        return ref

    def docker(self, *words: str) -> str:
        """Return what a docker command prints."""
        done = subprocess.run(
            [str(self.engine.docker), *words], env=self.env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def read(self, tag: str) -> str:
        """Return what is in /word of an image that was built."""
        return self.docker("run", "--rm", tag, "cat", "/word").strip()


@pytest.fixture
def registry(engine: lab.Engine, docker_env: dict[str, str], tmp_path: Path) -> Registry:
    if not engine.registry:
        pytest.skip("the machine's own engine comes without a registry to push to")
    return Registry(engine, docker_env, tmp_path)


def git(root: Path, *words: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    done = subprocess.run(["git", *identity, *words], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.engine
def test_a_tag_moves_and_the_lock_decides(registry: Registry, tmp_path: Path) -> None:
    one, other = registry.push("one:1", "first"), registry.push("other:1", "unmoved")
    root = write_project(
        tmp_path / "project",
        f"""
        version: 1
        family: f
        registry: bakegen-test-lock
        bases: {{one: "{one}", other: "{other}"}}
        images:
          a: {{from: one, run: "true"}}
          child: {{from: a, run: "cat /word"}}
          b: {{from: other, run: "true"}}
        """,
    )
    env, child = registry.env, "bakegen-test-lock/child:latest"
    git(root, "init", "-q")
    assert bakegen("lock", cwd=root, env=env).returncode == 0
    assert bakegen("build", cwd=root, env=env).returncode == 0
    git(root, "add", "-A")
    git(root, "commit", "-qm", "locked")
    assert registry.read(child) == "first"

    registry.push("one:1", "second")
    assert bakegen("lock", "--check", cwd=root, env=env).returncode == 0
    remote = bakegen("lock", "--check", "--remote", cwd=root, env=env)
    assert remote.returncode == 1
    assert f"{one} has moved" in remote.stderr
    assert "images: a, child" in remote.stderr
    assert other not in remote.stderr
    assert bakegen("build", cwd=root, env=env).returncode == 0
    assert registry.read(child) == "first"

    upgrade = bakegen("lock", "--upgrade", cwd=root, env=env)
    assert upgrade.returncode == 0, upgrade.stderr
    assert "rebuilds a child" in upgrade.stdout
    changed = [
        line[:9]
        for line in git(root, "diff", "-U0").splitlines()
        if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]
    assert len(changed) == 7  # three values anew, and the digest before
    assert git(root, "diff", "--name-only").split() == ["bakegen.lock"]
    assert bakegen("build", cwd=root, env=env).returncode == 0
    assert registry.read(child) == "second"
    assert bakegen("lock", "--check", "--remote", cwd=root, env=env).returncode == 0

    git(root, "checkout", "-q", "bakegen.lock")
    assert bakegen("build", cwd=root, env=env).returncode == 0
    assert registry.read(child) == "first"
    assert git(root, "status", "--short", "--untracked-files=no") == ""


@pytest.mark.engine
def test_hand_written_dockerfiles_build_on_what_is_locked(registry: Registry, tmp_path: Path) -> None:
    base, tool, data = (registry.push(f"{name}:1", f"{name}-first") for name in ("base", "tool", "data"))
    root = write_project(
        tmp_path / "project",
        """
        version: 1
        family: f
        images: {bakegen-test-hand: {dockerfile: Dockerfile}}
        """,
        {
            "Dockerfile": f"ARG BASE={base}\nFROM $BASE\nCOPY --from={data} /word /data\n"
            f"RUN --mount=type=bind,from={tool},target=/tool cat /tool/word /data >> /word\n"
        },
    )
    env, built = registry.env, "bakegen-test-hand:latest"
    first = "base-first\ntool-first\ndata-first"
    assert bakegen("lock", cwd=root, env=env).returncode == 0
    for name in ("base", "tool", "data"):
        registry.push(f"{name}:1", f"{name}-second")
    assert bakegen("build", cwd=root, env=env).returncode == 0
    assert registry.read(built) == first

    edited = bakegen("lock", "--in-place", cwd=root, env=env)
    assert edited.returncode == 0, edited.stderr
    assert "+FROM $BASE" not in edited.stdout
    assert f"+ARG BASE={base}@sha256:" in edited.stdout
    registry.docker("buildx", "build", "--quiet", "--load", "--tag", "bakegen-test-hand:alone", str(root))
    assert registry.read("bakegen-test-hand:alone") == first

    assert bakegen("lock", "--upgrade", "--in-place", cwd=root, env=env).returncode == 0
    registry.docker("buildx", "build", "--quiet", "--load", "--tag", "bakegen-test-hand:alone", str(root))
    assert registry.read("bakegen-test-hand:alone") == first.replace("first", "second")


@pytest.mark.process
def test_kill_at_any_point_leaves_a_whole_lock(tmp_path: Path) -> None:
    """Each run would move the pin; it is killed a little later than the one before it, until it is never in time."""
    with FakeRegistry() as registry:
        states: set[str] = set()
        registry.put("r", "1", image_bytes("start"))
        root = write_project(
            tmp_path,
            f"version: 1\nfamily: f\nbases: {{b: '{registry.host}/r:1'}}\nimages: {{a: {{from: b, run: 'true'}}}}\n",
        )
        lock = root / "bakegen.lock"
        took = time.monotonic()
        assert bakegen("lock", cwd=root).returncode == 0
        took = time.monotonic() - took
        for number in range(40):
            registry.put("r", "1", image_bytes(f"image {number}"))
            before = lock.read_text()
            process = subprocess.Popen(
                [sys.executable, "-m", "bakegen", "lock", "--upgrade"],
                cwd=root,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                process.wait(took * (0.6 + number / 60))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
            states.add("old" if lock.read_text() == before else "new")
            assert read(lock.read_bytes(), "bakegen.lock").pins  # a strict model takes it, so it is whole
        assert states == {"old", "new"}


#: Writes the lock again and again, as fast as it can, with one of two texts.
_WRITER = """
import sys
from pathlib import Path
from bakegen.files import Change, apply
root, texts = Path(sys.argv[1]), sys.argv[2:4]
while True:
    for old, new in (texts, texts[::-1]):
        apply(root, [Change("bakegen.lock", old, new)])
"""


@pytest.mark.process
def test_kill_in_the_middle_of_writing(tmp_path: Path) -> None:
    texts = [f"# Generated by bakegen\n{letter * 50_000}\n" for letter in "ab"]
    lock = tmp_path / "bakegen.lock"
    lock.write_text(texts[0])
    for number in range(40):
        process = subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path), *texts])
        start, first = time.monotonic(), lock.stat().st_ino
        while lock.stat().st_ino == first and time.monotonic() - start < 30:
            time.sleep(0.001)
        time.sleep(number / 2000)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert lock.read_text() in texts


@pytest.mark.engine
def test_the_frontend_is_taken_at_its_locked_digest(registry: Registry, tmp_path: Path) -> None:
    """No frontend can be had here: an image that is none stands in, and it is seen which digest BuildKit asks for."""
    frontend = registry.push("dockerfile:1", "first")
    root = write_project(
        tmp_path / "project",
        "version: 1\nfamily: f\nimages: {bakegen-test-hand: {dockerfile: Dockerfile}}\n",
        {"Dockerfile": f"# syntax={frontend}\nFROM scratch\nCOPY Dockerfile /\n"},
    )
    assert bakegen("lock", cwd=root, env=registry.env).returncode == 0
    locked = read((root / "bakegen.lock").read_bytes(), "bakegen.lock").pins[frontend].digest
    registry.push("dockerfile:1", "second")
    assert bakegen("render", cwd=root, env=registry.env).returncode == 0
    bake = [str(registry.engine.docker), "buildx", "bake", "--progress=plain"]
    done = subprocess.run(bake, cwd=root, env=registry.env, capture_output=True, text=True, check=False)
    assert f"docker-image://{frontend}@{locked}" in done.stderr
