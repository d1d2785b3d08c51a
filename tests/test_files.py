"""Files: written whole or not at all, never over what a person wrote, never outside of the project."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bakegen import files
from bakegen.errors import ConflictError, FilesError, ManifestError
from bakegen.files import MARK, Change, DiskTree, apply, changes, is_ours, read_manifest, unified_diff
from tests.support import ROOT

OURS = f"# {MARK} from m\n"
as_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")


def snapshot(root: Path) -> dict[str, str]:
    """Return every file and directory below ``root``, with its text."""
    return {p.relative_to(root).as_posix(): p.read_text("utf-8") if p.is_file() else "/" for p in root.rglob("*")}


def write(root: Path, texts: dict[str, str]) -> None:
    """Write texts below ``root`` as bakegen would."""
    apply(root, changes(root, texts))


def test_write_and_write_again(tmp_path: Path) -> None:
    texts = {"docker/a/Dockerfile": f"{OURS}é\n", "b": OURS}
    todo = changes(tmp_path, texts)
    assert [(change.path, change.old) for change in todo] == [("docker/a/Dockerfile", None), ("b", None)]
    apply(tmp_path, todo)
    assert snapshot(tmp_path) == {"docker": "/", "docker/a": "/", **texts}
    assert changes(tmp_path, texts) == ()


def test_windows_line_ends_are_no_difference(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(f"{OURS}x\n".replace("\n", "\r\n").encode())
    assert changes(tmp_path, {"a": f"{OURS}x\n"}) == ()


@pytest.mark.parametrize("text", ["FROM scratch\n", "", "x" * 600 + MARK, "\ufeff# by hand\n"])
def test_what_is_not_ours_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a").write_text(text, encoding="utf-8")
    (tmp_path / "c").write_text("by hand")
    with pytest.raises(ConflictError) as caught:
        changes(tmp_path, {"a": OURS, "b": OURS, "c": OURS})
    assert [str(problem.where) for problem in caught.value.problems] == ["a", "c"]
    assert caught.value.exit_code == 4


def test_ways_out_of_a_conflict(tmp_path: Path) -> None:
    paths = ("docker/a/Dockerfile", ".dockerignore", "docker-bake.hcl")
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("by hand")
    with pytest.raises(ConflictError) as caught:
        changes(tmp_path, dict.fromkeys(paths, OURS))
    tips = [problem.next for problem in caught.value.problems]
    assert tips[0].startswith("keep it with 'dockerfile: docker/a/Dockerfile'")
    assert "dockerignore: false" in tips[1]
    assert tips[2] == "move it away"


def test_a_binary_file_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(range(256)))
    with pytest.raises(ConflictError):
        changes(tmp_path, {"a": OURS})


def test_ours(tmp_path: Path) -> None:
    assert is_ours(OURS)
    assert not is_ours("x" * 600 + MARK)
    (tmp_path / "a").write_text(OURS + "changed by hand")
    write(tmp_path, {"a": OURS})
    assert (tmp_path / "a").read_text() == OURS


def test_stale(tmp_path: Path) -> None:
    write(tmp_path, {"docker/a/Dockerfile": OURS, "docker/b/Dockerfile": OURS, "docker/kept/Dockerfile": OURS})
    (tmp_path / "docker/hand").mkdir()
    (tmp_path / "docker/hand/Dockerfile").write_text("FROM x")
    (tmp_path / "docker/link").symlink_to(tmp_path / "docker/a")
    todo = changes(
        tmp_path, {"docker/a/Dockerfile": OURS}, stale_in=["docker/*/Dockerfile"], keep={"docker/kept/Dockerfile"}
    )
    assert todo == (Change("docker/b/Dockerfile", OURS, None),)
    apply(tmp_path, todo)
    assert not (tmp_path / "docker/b/Dockerfile").exists()
    assert (tmp_path / "docker/a/Dockerfile").exists()


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o755])
def test_permissions_are_kept(tmp_path: Path, mode: int) -> None:
    (tmp_path / "a").write_text(OURS + "old")
    (tmp_path / "a").chmod(mode)
    write(tmp_path, {"a": OURS, "b": OURS})
    assert (tmp_path / "a").stat().st_mode & 0o777 == mode
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o644


@pytest.fixture
def half(tmp_path: Path) -> tuple[Path, tuple[Change, ...]]:
    """Return a tree and changes of which the third fails only when its turn comes."""
    write(tmp_path, {"a": OURS + "old a", "gone": OURS})
    todo = (
        Change("a", OURS + "old a", OURS + "new a"),
        Change("new/deep/b", None, OURS),
        Change("gone", OURS, None),
        Change("c", None, OURS),
    )
    (tmp_path / "c").mkdir()
    (tmp_path / "c/in the way").touch()
    return tmp_path, todo


def test_a_failure_in_the_middle_changes_nothing(half: tuple[Path, tuple[Change, ...]]) -> None:
    root, todo = half
    before, node = snapshot(root), (root / "a").stat().st_ino
    with pytest.raises(FilesError) as caught:
        apply(root, todo)
    assert snapshot(root) == before
    assert (root / "a").stat().st_ino == node
    (problem,) = caught.value.problems
    assert problem.what.startswith("cannot write the file")
    assert problem.why == "nothing was changed"


def test_ctrl_c_in_the_middle_changes_nothing(
    half: tuple[Path, tuple[Change, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, todo = half
    before = snapshot(root)
    replace = Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        if target.name == "b":
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        apply(root, todo)
    assert snapshot(root) == before


def test_without_hard_links(half: tuple[Path, tuple[Change, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    root, todo = half
    before = snapshot(root)

    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(1, "no links here", str(self), None, str(target))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    with pytest.raises(FilesError):
        apply(root, todo)
    assert snapshot(root) == before
    apply(root, todo[:3])
    assert snapshot(root) == {
        "a": OURS + "new a",
        "new": "/",
        "new/deep": "/",
        "new/deep/b": OURS,
        "c": "/",
        "c/in the way": "",
    }


@pytest.mark.parametrize(
    ("path", "standing", "tip"),
    [
        ("docker/a/Dockerfile", "docker", "a file stands where a directory belongs"),
        ("docker/a/Dockerfile", "docker/a", "a file stands where a directory belongs"),
        ("a", "a/x", "a directory stands where a file belongs"),
    ],
)
def test_in_the_way(tmp_path: Path, path: str, standing: str, tip: str) -> None:
    (tmp_path / standing).parent.mkdir(exist_ok=True)
    (tmp_path / standing).touch()
    with pytest.raises(FilesError) as caught:
        write(tmp_path, {path: OURS})
    assert caught.value.problems[0].next == tip
    assert caught.value.exit_code == 7


@pytest.mark.parametrize("link", ["docker", "docker/a", "docker/a/Dockerfile"])
def test_links_out_of_the_project(tmp_path: Path, link: str) -> None:
    root, outside = tmp_path / "p", tmp_path / "o"
    (root / link).parent.mkdir(parents=True)
    outside.mkdir()
    (root / link).symlink_to(outside if not link.endswith("Dockerfile") else outside / "f")
    with pytest.raises(ConflictError, match="leads out of the project"):
        changes(root, {"docker/a/Dockerfile": OURS})
    assert list(outside.iterdir()) == []


def test_a_link_inside_the_project(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "docker").symlink_to("real")
    write(tmp_path, {"docker/a/Dockerfile": OURS})
    assert (tmp_path / "real/a/Dockerfile").read_text() == OURS


@pytest.mark.parametrize("target", ["nowhere", "a"])
def test_a_link_to_nothing_or_itself_is_not_ours(tmp_path: Path, target: str) -> None:
    (tmp_path / "a").symlink_to(target)
    with pytest.raises((ConflictError, FilesError)):
        changes(tmp_path, {"a": OURS})
    assert (tmp_path / "a").is_symlink()


@as_root
@pytest.mark.process
def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("cannot mount")
    try:
        write(tmp_path, {"a": OURS})
        before = snapshot(tmp_path)
        with pytest.raises(FilesError) as caught:
            write(tmp_path, {"a": f"{OURS}new", "d/b": OURS + "x" * 200_000, "c": OURS})
        assert snapshot(tmp_path) == before
        assert caught.value.problems[0].next == "free some disk space"
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path)], check=True)
        with pytest.raises(FilesError) as caught:
            write(tmp_path, {"a": f"{OURS}new"})
        assert caught.value.problems[0].next == "the file system is read-only"
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


_AS_NOBODY = """
import os, sys
from pathlib import Path
from bakegen import errors, files
import bakegen.render, encodings.idna
root = Path(sys.argv[1])
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    files.apply(root, files.changes(root, {"docker/a/Dockerfile": "# Generated by bakegen\\n"}))
except errors.FilesError as error:
    print(error.problems[0])
"""


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
@pytest.mark.parametrize(("mode", "verb"), [(0o555, "write"), (0o000, "read")])
def test_a_directory_without_permission(tmp_path: Path, mode: int, verb: str) -> None:
    root = tmp_path / "p"
    (root / "docker").mkdir(parents=True)
    for directory in (root, tmp_path, *tmp_path.parents[:2]):
        directory.chmod(directory.stat().st_mode | 0o005)
    (root / "docker").chmod(mode)
    done = subprocess.run(
        [sys.executable, "-c", _AS_NOBODY, str(root)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    (root / "docker").chmod(0o755)
    assert f"cannot {verb} the file: permission denied" in done.stdout, done.stderr
    assert "check the owner and permissions" in done.stdout
    assert snapshot(root) == {"docker": "/"}


def test_the_tree(tmp_path: Path) -> None:
    tree = DiskTree(tmp_path)
    (tmp_path / "d").mkdir()
    (tmp_path / "d/f.py").write_text("\ufeffx", encoding="utf-8")
    (tmp_path / "bin").write_bytes(b"\xff")
    (tmp_path / "up").symlink_to("..")
    os.mkfifo(tmp_path / "pipe")
    kinds = {
        name: tree.kind(name) for name in ("d", "d/f.py", "nope", "up", "../x", "pipe", "d/f.py/x", "a\0b", "x" * 5000)
    }
    assert kinds == {
        "d": "directory",
        "d/f.py": "file",
        "nope": "missing",
        "up": "outside",
        "../x": "outside",
        "pipe": "special file",
        "d/f.py/x": "missing",
        "a\0b": "missing",
        "x" * 5000: "missing",
    }
    assert tree.text("d/f.py") == "x"
    assert tree.text("bin") is None
    assert tree.text("nope") is None
    assert tree.glob("**/*.py") == ("d/f.py",)
    assert tree.glob("") == tree.glob("/x") == ()


def test_read_manifest(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"x" * 50)
    assert read_manifest(tmp_path / "m", 10) == b"x" * 10
    for missing in (tmp_path / "no", tmp_path / "a\0b"):
        with pytest.raises(ManifestError, match="there is no such manifest"):
            read_manifest(missing, 10)
    with pytest.raises(FilesError, match="a directory stands where a file belongs"):
        read_manifest(tmp_path, 10)
    with pytest.raises(FilesError, match="not a directory"):
        read_manifest(tmp_path / "m" / "x", 10)


def test_unified_diff_is_what_git_applies(tmp_path: Path) -> None:
    assert unified_diff(Change("x/a", "1\n2\n", "1\n3\n")).splitlines()[:2] == ["--- a/x/a", "+++ b/x/a"]
    assert unified_diff(Change("a", None, "1\n")).startswith("--- /dev/null\n+++ b/a\n")
    assert unified_diff(Change("a", "1\n", None)).startswith("--- a/a\n+++ /dev/null\n")
    assert unified_diff(Change("a", "1", "2")).count("\\ No newline at end of file") == 2
    assert unified_diff(Change("a", "same\n", "same\n")) == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.process
def test_a_diff_applies(tmp_path: Path) -> None:
    old, new = {"a": OURS + "1\n2\n\x0c3\n", "b": OURS}, {"a": OURS + "1\n\x0c4", "d/c": OURS}
    write(tmp_path, old)
    todo = (Change("a", old["a"], new["a"]), Change("b", old["b"], None), Change("d/c", None, new["d/c"]))
    patch = "".join(map(unified_diff, todo))
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=patch, text=True, check=True)
    assert snapshot(tmp_path) == {"d": "/", **new}


def test_nothing_is_left_of_the_second_names(tmp_path: Path) -> None:
    write(tmp_path, {"a": OURS})
    write(tmp_path, {"a": OURS + "2"})
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert files.MARK in (tmp_path / "a").read_text()


def test_a_pipe_is_no_manifest(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "bakegen.yaml")  # a read of it would never end
    with pytest.raises(ManifestError, match="this is a pipe, not a file"):
        read_manifest(tmp_path / "bakegen.yaml", 10)
