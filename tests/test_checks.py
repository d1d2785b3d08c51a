"""Every check: a manifest that provokes it, at its place, and a healthy twin that does not."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from bakegen import checks
from tests.manifests import at, family, places, problems

FILES = {
    "r.txt": "requests>=2\n",
    "nested.txt": "-r nested/more.txt\n",
    "nested/more.txt": "-c ../r.txt\n--requirement=../nested.txt\n",
    "broken.txt": "requests\n  -r gone.txt\n",
    "climbs.txt": "-r ../outside.txt\n",
    "spaced.txt": "-ra,b.txt\n",
    "a,b.txt": "",
    "f.py": "",
    "D": "FROM scratch\n",
    "docker/h/Dockerfile": "FROM scratch\n",
}

#: name: (provokes, what it says, healthy twin)
CASES = {
    # names
    "reserved": (family("§default: {from: b}"), "an image cannot be called 'default'", family("standard: {from: b}")),
    "reserved gpu": (family("§gpu: {from: g}"), "an image cannot be called 'gpu'", family("gpus: {from: g}")),
    "windows": (family("§con: {from: b}"), "an image cannot be called 'con'", family("cons: {from: b}")),
    "windows port": (family("§Com1: {from: b, tag: x}"), "cannot be called 'Com1'", family("com: {from: b}")),
    "group": (
        family("§a: {from: b}\nc: {from: b}", "groups: {a: [c]}\n"),
        "'a' is an image and a group",
        family("a: {from: b}\nc: {from: b}", "groups: {as: [c]}\n"),
    ),
    "base": (family("§b: {from: b}"), "'b' is an image and a base", family("a: {from: b}")),
    "case": (
        family("a: {from: b}\n§A: {from: b, tag: x}"),
        "the image 'A' exists beside 'a'",
        family("a: {from: b}\nA1: {from: b, tag: x}"),
    ),
    "twice": (
        family("§a: {from: b, variants: {python: ['3.11', '3.11']}}"),
        "the image 'a-py311' exists twice",
        family("a: {from: b, variants: {python: '3.11'}}"),
    ),
    "variant and image": (
        family("a-cpu: {from: b, tag: x}\n§a: {from: b, variants: {target: cpu}}"),
        "the image 'a-cpu' exists twice",
        family("a-cpus: {from: b, tag: x}\na: {from: b, variants: {target: cpu}}"),
    ),
    "variants' group is a group": (
        family("§a: {from: b, variants: {target: cpu}}", "groups: {a: [a-cpu]}\n"),
        "'a' is the group of its variants and a group",
        family("a: {from: b, variants: {target: cpu}}", "groups: {as: [a-cpu]}\n"),
    ),
    "variants' group is reserved": (
        family("§cpu: {from: b, variants: {target: cpu}}"),
        "'cpu' is the group of its variants and a group",
        family("cpus: {from: b, variants: {target: cpu}}"),
    ),
    "variants' group is an image": (
        family("a: {from: b, variants: {target: cpu}}\n§a-cpu: {from: b, variants: {python: '3.11'}}"),
        "'a-cpu' is the group of its variants and an image",
        family("a: {from: b, variants: {target: cpu}}\na-x: {from: b, variants: {python: '3.11'}}"),
    ),
    "no variant left": (
        family("a: {from: b, variants: §{target: cpu, exclude: {target: cpu}}}\nc: {from: b}"),
        "a has variants but none is left",
        family("a: {from: b, variants: {target: cpu, exclude: {target: cuda}}}\nc: {from: b}"),
    ),
    # tags
    "registry": (
        family("a: {from: b}", "registry: §https://x/y\n"),
        "'https://x/y' is not a registry",
        family("a: {from: b}", "registry: localhost:5000/y\n"),
    ),
    "registry with a tag": (
        family("a: {from: b}", "registry: §x/y:1\n"),
        "'x/y:1' is not a registry",
        family("a: {from: b}", "registry: x/y\n"),
    ),
    "tag": (
        family("a: {from: b, tag: §Upper}"),
        "the tag of a: 'Upper:latest' is not",
        family("a: {from: b, tag: upper}"),
    ),
    "tag in a list": (
        family("a: {from: b, tag: [x, §'x y']}"),
        "it contains white space",
        family("a: {from: b, tag: [x, x-y]}"),
    ),
    "tag from the name": (family("A: §{from: b}"), "the tag of A: 'A:latest'", family("A: {from: b, tag: a}")),
    "digest": (
        family(f"a: {{from: b, tag: §'a:1@sha256:{'0' * 64}'}}"),
        "is a digest; an image is tagged by name",
        family("a: {from: b, tag: 'a:1'}"),
    ),
    "equal tags": (
        family("a: {from: b, tag: 'x:latest'}\nc: {from: b, tag: [y, §x]}"),
        "c has the tag 'x' of a",
        family("a: {from: b, tag: 'x:latest'}\nc: {from: b, tag: [y, 'x:2']}"),
    ),
    # from
    "no from": (family("§a: {target: cpu}"), "a does not say what it is built from", family("a: {dockerfile: D}")),
    "unknown from": (
        family("base: {from: b}\na: {from: §bsae}"),
        "a is built from 'bsae', which does not exist",
        family("base: {from: b}\na: {from: base}"),
    ),
    "unclear from": (
        family("p: {from: g, variants: {cuda: ['12.1', '12.4']}}\na: {from: §p}"),
        "a could be built from p-cu121 or p-cu124",
        family("p: {from: g, variants: {cuda: ['12.1', '12.4']}}\na: {from: p, variants: {cuda: '12.1'}}"),
    ),
    "circle": (
        family("a: {from: §c}\nc: {from: d}\nd: {from: a}"),
        "images are built from each other: a -> c -> d -> a",
        family("a: {from: c}\nc: {from: d}\nd: {from: b}"),
    ),
    "itself": (family("a: {from: §a}"), "images are built from each other: a -> a", family("a: {from: b}")),
    # groups
    "group of nothing": (
        family("a: {from: b}", "groups: {x: [a, §c]}\n"),
        "the group x names 'c', which matches nothing",
        family("a: {from: b}", "groups: {x: [a, 'a*', gpu]}\n"),
    ),
    "empty group": (
        family("a: {from: b}", "groups: {x: §{all: false}}\n"),
        "the group x selects nothing",
        family("a: {from: b}", "groups: {x: {all: true}}\n"),
    ),
    "groups in a circle": (
        family("a: {from: b}", "groups: {x: §[y], y: [x]}\n"),
        "groups contain each other: x -> y -> x",
        family("a: {from: b}", "groups: {x: [y], y: [a]}\n"),
    ),
    # Dockerfiles
    "in the way": (
        family("h: {from: b}\na: {from: b, dockerfile: §docker/h/Dockerfile}"),
        "is where the Dockerfile of h is generated",
        family("h: {from: b, dockerfile: docker/h/Dockerfile}\na: {from: b, dockerfile: docker/h/Dockerfile}"),
    ),
    "without effect": (
        family("a: {from: b, dockerfile: D, §apt: git}"),
        "a has a hand-written Dockerfile, so 'apt' has no effect",
        family("a: {from: b, dockerfile: D, args: {A: x}}"),
    ),
    "copy without effect": (
        family("a: {from: b, dockerfile: D, §copy: f.py}"),
        "so 'copy' has no effect",
        family("a: {from: b, copy: f.py}"),
    ),
    "context": (
        family("a: {from: b, §context: docker}"),
        "'context' is for a hand-written Dockerfile",
        family("a: {from: b, dockerfile: D, context: docker}"),
    ),
    "unfreeze": (
        family("a: {from: b, §unfreeze: x}"),
        "a installs no Python packages, so 'unfreeze' has no effect",
        family("a: {from: b, unfreeze: x, pip: r.txt}"),
    ),
    # files
    "no file": (
        family("a: {from: b, pip: [r.txt, §s.txt]}"),
        "s.txt does not exist",
        family("a: {from: b, pip: [r.txt]}"),
    ),
    "a directory": (
        family("a: {from: b, pip: §docker}"),
        "docker is a directory",
        family("a: {from: b, copy: docker}"),
    ),
    "included": (
        family("a: {from: b, pip: §broken.txt}"),
        "gone.txt does not exist",
        family("a: {from: b, pip: nested.txt}"),
    ),
    "included outside": (
        family("a: {from: b, pip: §climbs.txt}"),
        "../outside.txt leads out of the project",
        family("a: {from: b}"),
    ),
    "included unmountable": (
        family("a: {from: b, pip: §spaced.txt}"),
        "spaced.txt includes 'a,b.txt', which cannot be mounted",
        family("a: {from: b, pip: r.txt}"),
    ),
    "copy": (family("a: {from: b, copy: [f.py, §g.py]}"), "g.py does not exist", family("a: {from: b, copy: [f.py]}")),
    "copy of a glob": (
        family("a: {from: b, copy: §'*.md'}"),
        "no file matches '*.md'",
        family("a: {from: b, copy: '*.py'}"),
    ),
    "copy of half a glob": (
        family("a: {from: b, copy: §'[f.py'}"),
        "no file matches '[f.py'",
        family("a: {from: b, copy: '[f].py'}"),
    ),
    "dockerfile": (family("a: {dockerfile: §E}"), "E does not exist", family("a: {dockerfile: D}")),
    "dockerfile is a directory": (
        family("a: {dockerfile: §docker}"),
        "docker is a directory",
        family("a: {dockerfile: D}"),
    ),
    "context is a file": (
        family("a: {dockerfile: D, context: §D}"),
        "D is a file",
        family("a: {dockerfile: D, context: docker}"),
    ),
    # commands
    "lost bound": (
        family("a: {from: b, run: [x, §'pip install x>=2']}"),
        "the shell reads 'x>=2' as a redirect",
        family("a: {from: b, run: [x, 'pip install \"x>=2\" > log']}"),
    ),
    "secrets": (
        family("a: {from: b, secrets: [{id: x, env: A}, §{id: x, env: B}]}"),
        "a has two secrets with the id 'x'",
        family("a: {from: b, secrets: [{id: x, env: A}, {id: y, env: B}]}"),
    ),
    "own arguments": (
        family("a: {from: b, args: {A: x, TARGETARCH: §x}}"),
        "a gives a value to TARGETARCH, which bakegen sets",
        family("a: {from: b, args: {A: x, TARGET: x}}"),
    ),
    # on the ground
    "target": (
        family("a: {from: b, target: §cuda}"),
        "a is a cuda image on b, which is cpu",
        family("a: {from: b, target: cuda, mixed_target: true}"),
    ),
    "target of a parent": (
        family("a: {from: g}\nc: {from: a, target: §cpu}"),
        "c is a cpu image on a, which is cuda",
        family("a: {from: g}\nc: {from: a, target: cuda}"),
    ),
    "torch for the cpu": (
        family("a: {from: g, torch: §{version: '2.1.2'}}"),
        "a is a cuda image with the CPU build of torch",
        family("a: {from: g, torch: {version: '2.1.2', cuda: '12.1'}}"),
    ),
    "torch for cuda": (
        family("a: {from: b, torch: {version: '2.1.2', cuda: §'12.1'}}"),
        "a is a cpu image with torch for CUDA 12.1",
        family("a: {from: b, torch: {version: '2.1.2'}}"),
    ),
    "python": (
        family("a: {from: b, python: §'3.12'}"),
        "a asks for Python 3.12, but b has 3.11",
        family("a: {from: g, python: '3.12'}"),
    ),
    "no uv": (
        family("§a: {from: g, pip: r.txt}").replace("b: 'python:3.11-slim', ", ""),
        "no base of the family has Python to take uv",
        family("a: {from: g, pip: r.txt, installer: pip}").replace("b: 'python:3.11-slim', ", ""),
    ),
    "no uv from a base of unknown python": (
        family("§a: {from: b, pip: r.txt}").replace("python:3.11-slim", "python:slim"),
        "no base of the family has Python to take uv",
        family("a: {from: b, pip: r.txt, installer: pip}").replace("python:3.11-slim", "python:slim"),
    ),
    # between images
    "platforms": (
        family("a: {from: b, platforms: linux/amd64}\nc: {from: a, platforms: §[linux/amd64, linux/arm64]}"),
        "c is for linux/arm64, its parent a is not",
        family("a: {from: b, platforms: [linux/amd64, linux/arm64]}\nc: {from: a, platforms: linux/arm64}"),
    ),
    "cache for two platforms": (
        family("a: {from: b, pip: r.txt, platforms: [linux/amd64, linux/arm64], cache: §{pip: {id: x}}}"),
        "a uses the cache 'x' for 2 platforms",
        family("a: {from: b, pip: r.txt, platforms: [linux/amd64, linux/arm64]}"),
    ),
    "cache shared by strangers": (
        family("a: {from: b, pip: r.txt, cache: {pip: {id: x}}}\nc: {from: g, pip: r.txt, cache: §{pip: {id: x}}}"),
        "c and a share the cache 'x'",
        family("a: {from: b, pip: r.txt, cache: {pip: {id: x}}}\nc: {from: b, pip: r.txt, cache: {pip: {id: x}}}"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_provoked(tmp_path: Path, name: str) -> None:
    clean, expected = places(CASES[name][0])
    found = problems(tmp_path, clean, FILES)
    assert [at(p) for p in found] == expected, found
    assert CASES[name][1] in found[0].what
    assert all(len(line) <= 200 for p in found for line in str(p).splitlines())


@pytest.mark.parametrize("name", CASES)
def test_healthy(tmp_path: Path, name: str) -> None:
    assert problems(tmp_path, CASES[name][2], FILES) == ()


def test_every_fault_of_the_source_is_provoked_here() -> None:
    """As many cases as there are places in checks/ that yield a fault."""
    source = "".join(path.read_text("utf-8") for path in Path(inspect.getfile(checks)).parent.glob("*.py"))
    assert len(CASES) >= len(re.findall(r"yield Fault\(", source))


def test_tips_name_the_nearest(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, family("base: {from: b}\na: {from: bsae}"))
    assert found.next == "did you mean base?"
    (found,) = problems(tmp_path, family("a: {from: zzz}"))
    assert found.next == "bases and images are: b, g, a"
    (found,) = problems(tmp_path, family("demux: {from: b}", "groups: {x: [demx]}\n"))
    assert found.next == "did you mean demux?"


def test_binary_requirements(tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_bytes(bytes(range(256)))
    (found,) = problems(tmp_path, family("a: {from: b, pip: r.txt}"))
    assert found.what == "r.txt is not readable as UTF-8 text"
    assert at(found)[0] == 5


def test_links(tmp_path: Path) -> None:
    root = tmp_path / "p"
    root.mkdir()
    (tmp_path / "secret").touch()
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "loop").symlink_to("loop")
    (root / "gone").symlink_to("nowhere")
    (root / "inside").symlink_to("bakegen.yaml")
    found = problems(root, family("a: {from: b, copy: [out, loop, gone, inside]}"))
    assert [p.what for p in found] == ["out leads out of the project", "loop does not exist", "gone does not exist"]


def test_a_requirement_file_that_includes_itself(tmp_path: Path) -> None:
    assert problems(tmp_path, family("a: {from: b, pip: r.txt}"), {"r.txt": "-r r.txt\n-r ./r.txt\n"}) == ()


def test_one_word_may_be_many_problems(tmp_path: Path) -> None:
    """Faults of unlike kinds do not hide each other."""
    found = problems(tmp_path, family("default: {from: nope, pip: s.txt, tag: X}", "groups: {y: []}\n"))
    assert len(found) == 5
