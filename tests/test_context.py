"""What is told of build contexts: sent, left in, left out."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakegen import cli
from bakegen.context.model import File, Found
from bakegen.context.rows import rows
from bakegen.context.walk import followed, walk
from bakegen.ignore import Patterns
from tests.manifests import family
from tests.support import write_project


def tree(root: Path, files: dict[str, int]) -> Path:
    """Write files of these sizes."""
    for name, size in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
    return root


def sizes(found: Found, *, sent: bool | None = None) -> dict[str, int]:
    return {file.path: file.size for file in found.files if sent in {None, file.sent}}


FILES = {"a/b/c": 3, "a/d": 4, "e.py": 5, "x/a/y": 6, ".git/HEAD": 7}


def walked(root: Path, text: str, sources: Iterable[str] | None = None, *, measure: bool = False) -> Found:
    return walk(root, Patterns.parse(text), sources, measure=measure)


def test_what_is_left_in(tmp_path: Path) -> None:
    tree(tmp_path, FILES)
    assert sizes(walked(tmp_path, "")) == FILES
    assert sizes(walked(tmp_path, ".git\na\n!a/b\n")) == {"a/b/c": 3, "e.py": 5, "x/a/y": 6}
    assert sizes(walked(tmp_path, "**/*\n!**/y\n")) == {"x/a/y": 6}
    assert sizes(walked(tmp_path / "nothing", "")) == {}


@pytest.mark.parametrize(
    ("sources", "sent"),
    [
        (None, [*FILES]),
        ([], []),
        (["a"], ["a/b/c", "a/d"]),
        (["a/*"], ["a/b/c", "a/d"]),
        (["*.py", "x/a"], ["e.py", "x/a/y"]),
        (["nope"], []),
    ],
)
def test_what_is_sent(tmp_path: Path, sources: list[str] | None, sent: list[str]) -> None:
    tree(tmp_path, FILES)
    assert sorted(sizes(walked(tmp_path, "", sources), sent=True)) == sorted(sent)


def test_what_is_left_out_and_why(tmp_path: Path) -> None:
    tree(tmp_path, FILES)
    found = walked(tmp_path, "# c\n.git\na\n!a/b\n*.py\n", measure=True)
    told = [(item.path, item.files, item.size, item.by.line, str(item.by)) for item in found.left_out]
    assert told == [(".git", 1, 7, 2, ".git"), ("a", 1, 4, 3, "a"), ("e.py", 1, 5, 5, "*.py")]
    assert found.files == walked(tmp_path, "# c\n.git\na\n!a/b\n*.py\n").files


def test_links_are_followed_to_what_is_sent_with_them(tmp_path: Path) -> None:
    tree(tmp_path, {**FILES, "z/q": 9})
    (tmp_path / "one").symlink_to("a/b")
    (tmp_path / "two").symlink_to("/x")
    (tmp_path / "z/up").symlink_to("../e.py")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "out").symlink_to("../../..")
    assert followed(tmp_path, ["one/c"]) == ("a/b/c", "one")
    assert followed(tmp_path, ["two/a/y"]) == ("two", "x/a/y")
    assert followed(tmp_path, ["z/*"]) == ("e.py", "z/*")
    assert followed(tmp_path, ["loop", "nope/*"]) == ("loop", "nope/*")
    found = walked(tmp_path, "", ["z/*", "one/c"])
    assert sizes(found, sent=True) == {"e.py": 5, "z/q": 9, "z/up": 0, "a/b/c": 3, "one": 0}


def test_second_names_and_special_files_have_no_size(tmp_path: Path) -> None:
    tree(tmp_path, {"a": 5})
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "socket"))
    assert sizes(walked(tmp_path, "")) == {"a": 5, "b": 0, "pipe": 0}


def test_names_that_are_no_text(tmp_path: Path) -> None:
    odd = os.fsdecode(b"a\xff")
    tree(tmp_path, {odd: 1, "new\nline": 2})
    assert sizes(walked(tmp_path, "")) == {odd: 1, "new\nline": 2}
    assert sizes(walked(tmp_path, "a*")) == {"new\nline": 2}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_directories_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    assert walked(tmp_path, "").unreadable == ("closed",)
    assert walked(tmp_path, "closed").unreadable == ()


def test_files_that_arrive_empty_are_told(tmp_path: Path) -> None:
    tree(tmp_path, {"a/x": 1, "a/y": 1})
    assert walked(tmp_path, "a\n!*/x\na\n").emptied == ("a/x",)
    assert walked(tmp_path, "a\n!*/x\n").emptied == ()


PARTS = st.sampled_from(["a", "b", "c.py", "d"])
LINES = st.lists(
    st.sampled_from(["a", "!a", "*/b", "!*/b", "**/*.py", "!a/b", "**", "!**/d", "a/*", "!a/*", "d"]), max_size=5
)


@given(LINES, st.sets(st.lists(PARTS, min_size=1, max_size=4).map("/".join), max_size=8), st.sets(PARTS, max_size=2))
def test_a_walk_decides_as_each_path_alone(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], paths: set[str], sources: set[str]
) -> None:
    files = {path: 1 for path in paths if not any(other.startswith(f"{path}/") for other in paths)}
    root = tree(tmp_path_factory.mktemp("tree"), files)
    patterns = Patterns.parse("\n".join(lines))
    measured = walk(root, patterns, sources, measure=True)
    assert set(sizes(measured)) == {path for path in files if not patterns.leaves_out(path)}
    assert measured.files == walk(root, patterns, sources).files
    assert {file.path for file in measured.files if file.sent} == {
        file.path for file in measured.files if file.path.split("/")[0] in sources
    }
    assert set(measured.emptied) == {f.path for f in measured.files if f.sent and patterns.matches(f.path)}
    assert sum(item.files for item in measured.left_out) + len(measured.files) == len(files)
    assert not any(item.by.keeps for item in measured.left_out)


@given(
    st.dictionaries(st.lists(PARTS, min_size=1, max_size=4).map("/".join), st.integers(0, 99), max_size=12),
    st.integers(1, 9),
)
def test_rows_add_up(files: dict[str, int], top: int) -> None:
    leaves = {p: s for p, s in files.items() if not any(other.startswith(f"{p}/") for other in files)}
    listed = [File(path, size, size % 2 == 0) for path, size in leaves.items()]
    shown, rest = rows(listed, top)
    assert len(shown) <= top
    every = [*shown, *([rest] if rest else [])]
    assert sum(row.size for row in every) == sum(leaves.values())
    assert sum(row.files for row in every) == len(leaves)
    assert [(-row.sent, -row.size) for row in shown] == sorted((-row.sent, -row.size) for row in shown)


def test_rows_open_what_is_large() -> None:
    files = [
        File("a/b/x", 50, sent=True),
        File("a/b/y", 40, sent=True),
        File("a/c", 5, sent=True),
        File("d/e", 99, sent=False),
    ]
    shown, rest = rows(files, 4)
    assert [row.path for row in shown] == ["a/b/x", "a/b/y", "a/c", "d/"]
    assert rest is None
    shown, rest = rows(files, 1)
    assert [row.path for row in shown] == ["a/"]
    assert rest
    assert (rest.path, rest.size) == ("1 more", 99)


MANIFEST = family("hand: {dockerfile: Dockerfile}\nall: {dockerfile: all.Dockerfile}\nmade: {from: b, copy: src}")
PROJECT = {
    "Dockerfile": "FROM scratch AS unused\nCOPY huge /\nFROM scratch\nCOPY src /src\n",
    "all.Dockerfile": "FROM scratch\nCOPY . /\n",
    "src/a.py": "x" * 2500,
    "src/__pycache__/a.pyc": "x" * 70,
    "huge/file": "x" * 5000,
}


def run(capsys: pytest.CaptureFixture[str], root: Path, *arguments: str) -> tuple[int, str, str]:
    code = cli.run(["context", *arguments, "-f", str(root / "bakegen.yaml")])
    out = capsys.readouterr()
    return code, out.out, out.err


def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_project(tmp_path, MANIFEST, {**PROJECT, ".dockerignore": "**/__pycache__\n*.yaml\n"})
    code, out, err = run(capsys, root, "hand")
    assert code == 0
    assert out.splitlines()[:3] == [
        "SENT    CONTEXT  FILES  PATH",
        "2.5 kB  2.5 kB   1      src/a.py",
        "0 B     5.0 kB   1      huge/",
    ]
    assert "hand: 1 file, 2.5 kB sent; context . after .dockerignore: 5 files, 7.6 kB\n" in err
    assert "note: .dockerignore is not what the manifest would give by now; run: bakegen render" in err
    assert run(capsys, root, "made")[1].splitlines()[1] == "2.5 kB  2.5 kB   1      src/a.py"
    assert "all: 5 files, 7.6 kB sent" in run(capsys, root, "all", "--top", "1")[2]


def test_the_verb_after_render_says_no_more_than_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_project(tmp_path, MANIFEST, PROJECT)
    assert cli.run(["render", "-f", str(root / "bakegen.yaml")]) == 0
    capsys.readouterr()
    code, out, err = run(capsys, root, "made", "--ignored")
    assert code == 0
    lines = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    line = lines.index("**/__pycache__") + 1
    assert out.splitlines()[1] == f"70 B  1      {line}: **/__pycache__  src/__pycache__"
    assert err == "made: 1 file, 70 B left out of . by .dockerignore\n"


def test_the_verb_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_project(tmp_path, MANIFEST, {**PROJECT, "Dockerfile.dockerignore": "src/__pycache__\n"})
    code, out, _ = run(capsys, root, "hand", "--json", "--ignored", "--top", "1")
    assert code == 0
    value = json.loads(out)
    assert value["dockerignore"] == "Dockerfile.dockerignore"
    assert value["sources"] == ["src"]
    assert value["sent"] == {"files": 1, "bytes": 2500}
    assert value["left_in"]["files"] == 6
    assert value["files"] == [{"path": "src/a.py", "bytes": 2500, "sent": True}]
    assert value["left_out"] == [
        {"path": "src/__pycache__", "files": 1, "bytes": 70, "line": 1, "pattern": "src/__pycache__"}
    ]


@pytest.mark.parametrize(
    ("name", "files", "end"),
    [
        ("nope", {}, (2, "no image, group or glob 'nope'")),
        ("*", {}, (2, "names 3 images: choose one of all, hand, made")),
        ("hand", {".dockerignore": "a\n[\n"}, (3, "error: .dockerignore:2: BuildKit cannot read the pattern [")),
        ("hand", {".dockerignore": "x\\le\n"}, (3, "error: .dockerignore:1: BuildKit cannot use the pattern")),
        ("hand", {".dockerignore/x": ""}, (7, "error: .dockerignore: this is a directory, not a file")),
        ("hand", {"Dockerfile": "FROM a\nCOPY $X /\n"}, (0, "note: Dockerfile:2: what $X is cannot be told")),
        ("hand", {".dockerignore": "src\n!*/a.py\nsrc\n"}, (0, "warning: src/a.py arrives empty")),
    ],
)
def test_what_goes_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, files: dict[str, str], end: tuple[int, str]
) -> None:
    root = write_project(tmp_path, MANIFEST, {**PROJECT, **files})
    code, _, err = run(capsys, root, name)
    assert code == end[0]
    assert end[1] in err


def test_names_do_not_move_the_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tree(write_project(tmp_path, MANIFEST, PROJECT), {"a\x1b[2J\nb": 90_000, os.fsdecode(b"\xff"): 80_000})
    assert [line.split("      ")[-1] for line in run(capsys, root, "all")[1].splitlines()[1:3]] == [
        "a\\x1b[2J\\nb",
        "\\udcff",
    ]


def test_a_pipe_is_not_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_project(tmp_path, MANIFEST, PROJECT)
    os.mkfifo(root / ".dockerignore")
    code, _, err = run(capsys, root, "all")
    assert code == 7
    assert "this is a special file, not a file" in err


def test_a_context_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_project(
        tmp_path, family("a: {dockerfile: Dockerfile, context: sub}"), {"Dockerfile": "FROM a\n", "sub": ""}
    )
    assert run(capsys, root, "a")[0] in {3, 7}


def test_what_a_parent_leaves_to_its_children(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = family("base: {dockerfile: Dockerfile}\nchild: {from: base, run: ls}")
    root = write_project(tmp_path, manifest, {"Dockerfile": "FROM scratch\nONBUILD COPY app /\n", "app/x": "abc"})
    assert "base: 0 files" in run(capsys, root, "base")[2]
    assert "child: 1 file, 3 B sent" in run(capsys, root, "child")[2]
    assert "!app" in (cli.run(["render", "-f", str(root / "bakegen.yaml")]), (root / ".dockerignore").read_text())[1]


def test_what_only_bake_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A Dockerfile within the bake file, a stage that is built, a context elsewhere."""
    manifest = family(
        'inline: {bake: {dockerfile_inline: "FROM scratch\\nCOPY src /\\n"}}\n'
        "stage: {bake: {dockerfile: Dockerfile, target: unused}}\n"
        "away: {bake: {context: 'https://github.com/a/b.git', dockerfile_inline: \"FROM scratch\\nCOPY x /\\n\"}}"
    )
    root = write_project(tmp_path, manifest, PROJECT)
    assert cli.run(["render", "-f", str(root / "bakegen.yaml")]) == 0
    lines = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("!")] == ["!huge", "!src"]
    assert "inline: 1 file, 2.5 kB sent" in run(capsys, root, "inline")[2]
    assert "stage: 1 file, 5.0 kB sent" in run(capsys, root, "stage")[2]
    code, _, err = run(capsys, root, "away")
    assert code == 2
    assert "the build context of away is not in the project" in err
