"""Builds of public Dockerfiles before and after `bakegen.advice` has edited them, compared file by file.

    python -m tests.equal_builds DIRECTORY [--wanted 25]

Files are tried in the order of their length until that many were built, before and after. What a file copies is made up, what
it stands on is the lab's stand-in for python. Each is built four times on a base with another last layer: twice as it
is, which shows what no two builds have alike, and twice as edited, with cold and with warm caches. Then the file systems
must be equal, but for the caches that were added.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bakegen.advice import improved
from bakegen.dockerfile.caches import used_mounts
from bakegen.dockerfile.parser import Dockerfile, DockerfileError, Instruction, parse
from bakegen.dockerfile.references import externals
from tests import lab
from tests.demo import say

BASE = "python:3.11-slim"
SECONDS = 120
#: What needs more than the lab has: other systems, the open network, hours.
BEYOND = (
    "http://",
    "https://",
    "git+",
    "git clone",
    "add-apt",
    "ppa:",
    "apk ",
    "yum ",
    "dnf ",
    "conda",
    "npm ",
    "torch",
    "go ",
    "cargo",
    "make ",
)
#: What bakegen changes about apt so that it keeps what it fetches.
APT = ("etc/apt/apt.conf.d/docker-clean", "etc/apt/apt.conf.d/keep-cache", "var/cache/apt", "var/lib/apt/lists")
MADE_UP = {"requirements": "first==2.0.2\n", "pyproject.toml": '[project]\nname = "sample"\nversion = "1"\n'}

_DIRECTORY = repr(tarfile.DIRTYPE)

Tree = dict[str, str]


@dataclass(frozen=True, slots=True)
class Sample:
    """A file before and after."""

    name: str
    before: Dockerfile
    after: Dockerfile
    rules: tuple[str, ...]

    @property
    def commands(self) -> str:
        """All that its steps run."""
        runs = (i for i in self.before.instructions if i.name in {"RUN", "ADD"})
        return " ".join(i.text + "".join(h.content for h in i.heredocs) for i in runs)


def samples(directory: Path) -> Iterator[Sample]:
    """Yield the files that advice edits and the lab may be able to build, the shortest commands first."""
    found = []
    for path in sorted(directory.iterdir()):
        try:
            text = path.read_bytes().decode()
            result = improved(path.name, text)
            sample = Sample(path.name, parse(text), parse(result.text), tuple(sorted({f.rule for f in result.applied})))
        except (DockerfileError, UnicodeDecodeError):
            continue
        if result.text != text and not any(word in sample.commands for word in BEYOND):
            found.append(sample)
    yield from sorted(found, key=lambda sample: (len(sample.commands), sample.name))


def make_up(dockerfile: Dockerfile, root: Path) -> None:
    """Write files below ``root`` for everything that a Dockerfile copies from its context."""
    root.mkdir()
    for name, text in {**MADE_UP, "requirements.txt": MADE_UP["requirements"], "main.py": "print(1)\n"}.items():
        (root / name).write_text(text, encoding="utf-8")
    for instruction in dockerfile.instructions:
        for source in _sources(instruction):
            path = root / source.replace("*", "x").replace("?", "x").lstrip("/")
            if "$" in source or ".." in source or path.exists():
                continue
            if source.endswith("/") or "." not in path.name[1:]:
                path.mkdir(parents=True, exist_ok=True)
                path = path / "made-up.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            kind = next((key for key in MADE_UP if path.name.startswith(key)), "")
            path.write_text(MADE_UP.get(kind, "#!/bin/sh\n"), encoding="utf-8")
            path.chmod(0o755)


def _sources(instruction: Instruction) -> Sequence[str]:
    """Return what an instruction takes from the context."""
    if instruction.name in {"COPY", "ADD"} and not any(flag.startswith("--from=") for flag in instruction.flags):
        return instruction.values[:-1] if not instruction.heredocs else ()
    return ()


@dataclass(slots=True)
class Builder:
    """The engine, and what one run of this program has put there."""

    docker: str
    env: dict[str, str]
    scratch: Path
    word: str

    def base(self, image: str, number: int) -> str:
        """Return a tag of ``image`` with one more layer that no build has seen."""
        tag = f"equal-{self.word}:{number}"
        text = f"FROM {image}\nCOPY --chmod=600 <<EOF /.equal\n{tag}\nEOF\n"
        subprocess.run(
            [self.docker, "build", "--quiet", "--tag", tag, "-"],
            input=text,
            text=True,
            env=self.env,
            check=True,
            capture_output=True,
        )
        return tag

    def tree(self, dockerfile: Dockerfile, context: Path, base: str, namespace: str) -> Tree | str:
        """Build a file and return what its image holds by path, or the end of what the build said."""
        (self.scratch / "Dockerfile").write_bytes(dockerfile.text.encode())
        out = self.scratch / "out.tar"
        words = [
            "buildx",
            "build",
            "--progress=plain",
            "--file",
            str(self.scratch / "Dockerfile"),
            f"--output=type=tar,dest={out}",
        ]
        names = {found.written for found in externals(dockerfile)[0] if found.kind != "syntax"}
        words += [f"--build-context={name}=docker-image://{base}" for name in sorted(names)]
        words += [f"--build-arg=BUILDKIT_CACHE_MOUNT_NS={namespace}", str(context)]
        try:
            done = subprocess.run(
                [self.docker, *words], env=self.env, capture_output=True, text=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return "it takes too long"
        return dict(_entries(out)) if done.returncode == 0 else done.stderr[-300:]

    def leave(self) -> None:
        """Take the bases out of the engine again."""
        tags = [f"equal-{self.word}:{number}" for number in range(1, 5)]
        subprocess.run([self.docker, "image", "rm", "--force", *tags], env=self.env, capture_output=True, check=False)


def _entries(archive: Path) -> Iterator[tuple[str, str]]:
    """Yield path and a digest of all that an image says of it, times aside."""
    with tarfile.open(archive) as tar:
        for member in tar:
            if "__pycache__" in member.name:  # what Python keeps for itself when a wheel is compiled
                continue
            content = tar.extractfile(member) if member.isfile() else None
            digest = hashlib.sha256(content.read()).hexdigest() if content else ""
            yield (
                member.name.strip("/"),
                f"{member.type!r} {member.mode:o} {member.uid}:{member.gid} {member.linkname} {digest}",
            )


def differences(one: Tree, other: Tree) -> set[str]:
    """Return the paths that differ."""
    return {path for path in one.keys() | other.keys() if one.get(path) != other.get(path)}


def compare(builder: Builder, sample: Sample, bases: Sequence[str]) -> tuple[str, set[str]]:
    """Build a sample four times; return why that cannot be, or the paths that its edits change against their word."""
    context = builder.scratch / "context"
    shutil.rmtree(context, ignore_errors=True)
    make_up(sample.before, context)
    namespace = uuid.uuid4().hex
    trees: list[Tree] = []
    for base, dockerfile in zip(bases, [sample.before] * 2 + [sample.after] * 2, strict=True):
        tree = builder.tree(dockerfile, context, base, namespace)
        if isinstance(tree, str):
            if len(trees) < 2:  # it does not build as it was
                return tree.strip().splitlines()[-1], set()
            return "", {f"it builds no longer: {tree}"}
        trees.append(tree)
    noise = differences(trees[0], trees[1])
    mounted = {mount.target.strip("/") for mount in used_mounts(sample.after)} | set(APT)
    wrong = {path for tree in trees[2:] for path in differences(trees[0], tree) - noise}
    return "", {path for path in wrong if not any(_named(path, mount, trees) for mount in mounted)}


def _named(path: str, mount: str, trees: Sequence[Tree]) -> bool:
    """Return whether a path is in a mount, or a directory above one, which is made for a mount or by a tool's cache."""
    inside = f"{path}/".startswith(f"{mount}/")
    above = mount.startswith(f"{path}/") and all(tree.get(path, _DIRECTORY).startswith(_DIRECTORY) for tree in trees)
    return inside or above


def main() -> int:
    """Print a line for each file that was built; fail when one differs or too few could be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--wanted", type=int, default=25)
    parser.add_argument("--verbose", action="store_true", help="say why others cannot be built")
    wanted = parser.parse_args()
    built = bad = 0
    with lab.engine() as engine, tempfile.TemporaryDirectory() as scratch:
        builder = Builder(str(engine.docker), {**os.environ, **engine.env}, Path(scratch), uuid.uuid4().hex[:8])
        try:
            bases = [builder.base(engine.substitutions.get(BASE, BASE), number) for number in range(1, 5)]
            for sample in samples(wanted.directory):
                begun = time.monotonic()
                why_not, wrong = compare(builder, sample, bases)
                if why_not:
                    if wanted.verbose:
                        say(f"not built  {sample.name}: {why_not}")
                    continue
                built, bad = built + 1, bad + bool(wrong)
                say(
                    f"{built:3} {'DIFFERS' if wrong else 'equal':8} {time.monotonic() - begun:5.0f} s  {' '.join(sample.rules):12}  {sample.name}"
                )
                for path in sorted(wrong)[:20]:
                    say(f"      {path}")
                if built >= wanted.wanted:
                    break
        finally:
            builder.leave()
    say(f"{built} files built before and after, {bad} differ")
    return int(bad > 0 or built < wanted.wanted)


if __name__ == "__main__":
    sys.exit(main())
