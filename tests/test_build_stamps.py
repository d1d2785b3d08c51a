"""What tells, before a build, that an image is made of the same as it was."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bakegen.build.model import Stamp
from bakegen.build.options import Options
from bakegen.build.stamps import stamped
from bakegen.project import load
from tests.support import write_project
from tests.test_build_options import MANIFEST, ask


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_project(tmp_path, MANIFEST, {"r.txt": "six\n", "c.txt": ""})


def stamps(root: Path, **words: Any) -> Mapping[str, Stamp]:  # noqa: ANN401 - the fields of Options, and env
    env = words.pop("env", {})
    options = Options(**words)
    return stamped(ask(root, "child", **words), load(root / "bakegen.yaml").plan(), options, env).stamps


def test_stamps_change_with_every_file_and_word_and_with_the_parent(root: Path) -> None:
    before = stamps(root)
    assert stamps(root) == before
    assert before.keys() == {"parent", "child"}
    others = (
        stamps(root, output="none"),
        stamps(root, fresh=("parent",)),
        stamps(root, env={"SOURCE_DATE_EPOCH": "0"}),
    )
    for other in others:
        assert all(other[name] != stamp for name, stamp in before.items())
    (root / "c.txt").write_text("another line\n", encoding="utf-8")
    edited = stamps(root)
    assert (edited["parent"] == before["parent"], edited["child"] == before["child"]) == (True, False)
    (root / "r.txt").write_text("six\nattrs\n", encoding="utf-8")
    after = stamps(root)
    assert all(after[name] != stamp for name, stamp in edited.items()), "what is new in the parent is new in the child"


def test_a_stamp_has_the_tags_in_full_and_knows_whether_it_is_whole(root: Path) -> None:
    child = stamps(root, registry="host:5000/y", tag="c0ffee")["child"]
    assert (child.tags, child.whole) == (("host:5000/y/child:c0ffee",), True)
    assert stamps(root, registry="")["child"].tags == ("docker.io/library/child:latest",)
    assert not stamps(root, sets=("child.tags=x",))["child"].whole, "buildx alone knows what --set makes of it"
    (root / "child").mkdir()
    (root / "child" / "Dockerfile").write_text("FROM example.org/x/parent\n", encoding="utf-8")
    text = MANIFEST.replace("child: {from: parent, copy: c.txt}", "child: {from: parent, dockerfile: child/Dockerfile}")
    (root / "bakegen.yaml").write_text(f"{text}  below: {{from: child, copy: c.txt}}\n", encoding="utf-8")
    found = stamped(ask(root, "below"), load(root / "bakegen.yaml").plan(), Options(), {}).stamps
    assert {name: stamp.whole for name, stamp in found.items()} == {"parent": True, "child": False, "below": False}


@pytest.mark.parametrize("change", ["mode", "link", "time", "ignored"])
def test_a_stamp_sees_what_the_engine_would(root: Path, change: str) -> None:
    file = root / "c.txt"
    if change == "link":
        file.unlink()
        file.symlink_to("r.txt")
    before = stamps(root)["child"]
    match change:
        case "mode":
            file.chmod(0o755)
        case "link":
            file.unlink()
            file.symlink_to("bakegen.yaml")
        case "time":
            os.utime(file, ns=(0, 7))
        case _:
            (root / ".dockerignore").write_text("*.md\n", encoding="utf-8")
    assert stamps(root)["child"] != before


def test_a_template_of_the_users_is_read_for_what_it_copies(root: Path) -> None:
    (root / "templates").mkdir()
    text = 'FROM python\nCOPY own-{{ image.name }}.txt /\n{{ "" }}'
    (root / "templates" / "Dockerfile.j2").write_text(text, encoding="utf-8")
    (root / "own-child.txt").write_text("one", encoding="utf-8")
    load(root / "bakegen.yaml").write()
    before = stamps(root)
    assert before["child"].whole
    (root / "own-child.txt").write_text("another", encoding="utf-8")
    after = stamps(root)
    assert (after["parent"] == before["parent"], after["child"] == before["child"]) == (True, False)


@pytest.mark.parametrize("sources", [".", "'**/x'", "'[b].txt'"])
def test_what_would_take_too_long_or_cannot_be_read_is_not_whole(root: Path, sources: str) -> None:
    (root / "a").mkdir()
    (root / "a" / "x").touch()
    (root / "b.txt").touch()
    text = MANIFEST.replace("copy: c.txt", f"copy: [{sources}]")
    (root / "bakegen.yaml").write_text(text, encoding="utf-8")
    assert {name: stamp.whole for name, stamp in stamps(root).items()} == {"parent": True, "child": False}


def test_files_of_patterns_and_directories_count(root: Path) -> None:
    (root / "src" / "deep").mkdir(parents=True)
    (root / "src" / "deep" / "file").write_text("1", encoding="utf-8")
    (root / "note-1.txt").write_text("1", encoding="utf-8")
    text = MANIFEST.replace("copy: c.txt", "copy: ['note-*.txt', src]")
    (root / "bakegen.yaml").write_text(text, encoding="utf-8")
    before = stamps(root)["child"]
    for name in ("src/deep/file", "note-1.txt", "note-2.txt"):
        (root / name).write_text("more", encoding="utf-8")
        after = stamps(root)["child"]
        assert after != before, name
        before = after
