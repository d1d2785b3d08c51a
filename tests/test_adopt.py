"""`bakegen adopt` as a user meets it: what it shows, writes, refuses, and takes back."""

from __future__ import annotations

import json
import os
import subprocess
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from bakegen.cli import run
from bakegen.errors import ConflictError, FilesError, UsageError
from tests.motivating import IMAGES, texts, write_repository

pytestmark = pytest.mark.process


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the motivating repository, committed, as the current directory."""
    top = write_repository(tmp_path)
    git(top, "init", "-q")
    commit(top)
    monkeypatch.chdir(top)
    return top


def git(top: Path, *words: str) -> None:
    settings = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "protocol.file.allow=always")
    subprocess.run(["git", *settings, *words], cwd=top, check=True, capture_output=True)


def commit(top: Path) -> None:
    """Commit everything."""
    git(top, "add", "-A")
    git(top, "commit", "-qm", "x")


def files(top: Path) -> dict[str, tuple[bytes, int]]:
    """Return every file below ``top`` that is not git's, with its mode."""
    return {
        path.relative_to(top).as_posix(): (path.read_bytes(), path.stat().st_mode)
        for path in sorted(top.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(top).parts
    }


def changed_lines(old: str, new: str) -> set[int]:
    """Return the lines of ``old``, from 1, that ``new`` does not have as they are, and those that it adds lines behind."""
    matcher = SequenceMatcher(None, old.splitlines(), new.splitlines(), autojunk=False)
    return {
        line
        for kind, start, end, _, _ in matcher.get_opcodes()
        if kind != "equal"
        for line in range(start + 1, max(end, start + 1) + 1)
    }


def test_nothing_is_written_without_being_asked(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(repository)
    assert run(["adopt"]) == 0
    shown = capsys.readouterr()
    assert files(repository) == before
    assert "15 images from 15 Dockerfiles, registry registry.example/subs" in shown.out
    assert "+++ b/bakegen.yaml" in shown.out
    assert "nothing is written" in shown.err
    plan = shown.out.partition("--- ")[0]
    assert [line for line in plan.splitlines() if len(line) > 80] == []


def test_only_the_lines_change_that_have_to(repository: Path) -> None:
    assert run(["adopt", "--write", "--no-lock"]) == 0
    for name, (directory, _, parent) in IMAGES.items():
        path = f"services/{directory}/Dockerfile"
        old, new = texts()[path], (repository / path).read_text()
        lines = old.splitlines()
        expected = {n for n, line in enumerate(lines, 1) if "pip install" in line and "--mount" not in line}
        if not parent:
            assert "PIP_NO_CACHE_DIR" not in new
            expected |= {n for n, line in enumerate(lines, 1) if "PYTHONUNBUFFERED" in line or "PIP_NO_CACHE" in line}
            expected |= {n for n, line in enumerate(lines, 1) if "apt-get" in line or "rm -rf" in line}
        assert changed_lines(old, new) == expected, name
    untouched = ("scripts/build_all.sh", "scripts/build_all.bat", "docker-compose.yml", "README.md")
    assert all((repository / path).read_bytes() == texts()[path].encode() for path in untouched)


def test_twice_is_nothing_and_undo_is_everything(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(repository)
    assert run(["adopt", "--write", "--no-lock"]) == 0
    after = files(repository)
    capsys.readouterr()
    assert run(["adopt", "--write", "--no-lock", "--force"]) == 0
    shown = capsys.readouterr()
    assert "nothing to do" in shown.err
    assert files(repository) == after
    assert run(["render", "--check"]) == 0
    assert run(["adopt", "--undo"]) == 0
    assert files(repository) == before
    assert run(["adopt", "--undo"]) == UsageError.exit_code


def test_line_ends_marks_and_missing_ends_survive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = tmp_path / "odd"
    (top / "a").mkdir(parents=True)
    text = (
        b"\xef\xbb\xbf# escape=`\r\n# caf\xc3\xa9\r\nFROM python:3.11-slim\r\n\r\n\tRUN pip install `\r\n\t\trequests"
    )
    (top / "a/Dockerfile").write_bytes(text)
    (top / "a/Dockerfile").chmod(0o600)
    before = files(top)
    monkeypatch.chdir(top)
    assert run(["adopt", "--write", "--no-lock"]) == 0
    new = (top / "a/Dockerfile").read_bytes()
    assert new.startswith(
        b"\xef\xbb\xbf# escape=`\r\n# caf\xc3\xa9\r\nFROM python:3.11-slim\r\n\r\n\tRUN --mount=type=cache,"
    )
    assert new.endswith(b"`\r\n\t\trequests")
    assert b"\n" not in new.replace(b"\r\n", b"")
    assert (top / "a/Dockerfile").stat().st_mode & 0o777 == 0o600
    assert run(["adopt", "--undo"]) == 0
    assert files(top) == before


def test_a_dirty_tree_is_refused(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "README.md").write_text("more\n")
    before = files(repository)
    assert run(["adopt", "--write", "--no-lock"]) == ConflictError.exit_code
    assert "README.md" in capsys.readouterr().err
    assert files(repository) == before
    assert run(["adopt", "--write", "--no-lock", "--force"]) == 0
    assert (repository / "bakegen.yaml").exists()


def test_an_untracked_file_that_is_not_touched_is_no_reason_to_refuse(repository: Path) -> None:
    (repository / "notes.txt").write_text("x\n")
    assert run(["adopt", "--write", "--no-lock"]) == 0


def test_without_git_it_is_said_and_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(write_repository(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(["adopt", "--write", "--no-lock"]) == 0
    assert "git does not keep this directory" in capsys.readouterr().err


def test_only_some_rules(repository: Path) -> None:
    assert run(["adopt", "--write", "--no-lock", "--only", "bg004"]) == 0
    text = (repository / "services/common/python_light/Dockerfile").read_text()
    assert "PIP_NO_CACHE_DIR=1" in text
    assert "docker-clean" not in text
    assert "--mount" in (repository / "services/metadata/Dockerfile").read_text()


def test_no_rules_at_all(repository: Path) -> None:
    assert run(["adopt", "--write", "--no-lock", "--only", "none"]) == 0
    assert all((repository / path).read_bytes() == text.encode() for path, text in texts().items())
    assert (repository / "bakegen.yaml").exists()


@pytest.mark.usefixtures("repository")
def test_an_unknown_rule_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["adopt", "--only", "BG099"]) == 2
    assert "no such rule: BG099" in capsys.readouterr().err


@pytest.mark.usefixtures("repository")
def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["adopt", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["family"], found["written"], len(found["images"])) == ("subs", False, 15)
    (asr,) = [image for image in found["images"] if image["name"] == "asr"]
    assert (asr["parents"], asr["base"]) == (["base-ml"], None)
    assert {"services/metadata/Dockerfile", "bakegen.yaml", "docker-bake.hcl"} <= set(found["files"])
    assert {edit["rule"] for edit in found["edits"]} >= {"BG001", "BG004", "BG012"}


def test_where_no_registry_answers_the_rest_stands(
    repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert run(["adopt", "--write"]) == 0
    assert not (repository / "bakegen.lock").exists()
    assert "run: bakegen lock" in capsys.readouterr().err
    assert "python:3.11-slim" not in (repository / "docker-bake.hcl").read_text()


def test_with_a_manifest_its_dockerfiles_are_improved_and_nothing_else(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["adopt", "--write", "--no-lock", "--only", "none"]) == 0
    manifest = (repository / "bakegen.yaml").read_text() + "\n# mine\n"
    (repository / "bakegen.yaml").write_text(manifest)
    (repository / "extra").mkdir()
    (repository / "extra/Dockerfile").write_text("FROM scratch\n")
    commit(repository)
    capsys.readouterr()
    assert run(["adopt", "--write"]) == 0
    assert "extra/Dockerfile: no image of the manifest is built from it" in capsys.readouterr().out
    assert (repository / "bakegen.yaml").read_text() == manifest
    assert "--mount" in (repository / "services/metadata/Dockerfile").read_text()
    assert not (repository / "bakegen.lock").exists()


def test_a_dockerfile_behind_a_link_stays_one(repository: Path) -> None:
    (repository / "Dockerfile").symlink_to("services/metadata/Dockerfile")
    commit(repository)
    assert run(["adopt", "--write", "--no-lock"]) == 0
    assert (repository / "Dockerfile").is_symlink()
    assert "--mount" in (repository / "services/metadata/Dockerfile").read_text()
    assert run(["adopt", "--undo"]) == 0
    assert (repository / "Dockerfile").is_symlink()


def test_ignored_files_and_submodules_are_left_alone(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "Dockerfile").write_text("FROM scratch\n")
    git(other, "init", "-q")
    commit(other)
    git(repository, "submodule", "add", "-q", str(other), "vendor/other")
    (repository / ".gitignore").write_text("build/\n")
    (repository / "build").mkdir()
    (repository / "build/Dockerfile").write_text("FROM scratch\n")
    commit(repository)
    assert run(["adopt", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["images"]) == 15


def test_in_a_worktree_and_below_the_top(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(repository, "worktree", "add", "-q", str(tmp_path / "tree"))
    monkeypatch.chdir(tmp_path / "tree/services/metadata")
    (tmp_path / "tree/README.md").write_text("changed above: not in the way\n")
    assert run(["adopt", "--write", "--no-lock"]) == 0
    assert (tmp_path / "tree/services/metadata/bakegen.yaml").exists()


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_goes_wrong_while_it_writes_leaves_all_as_it_was(
    repository: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    before = files(repository)
    replace = Path.replace

    def fails(self: Path, target: Path) -> Path:
        if target.name == "bakegen.yaml":
            raise fault
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fails)
    assert run(["adopt", "--write", "--no-lock"]) in {FilesError.exit_code, 130}
    assert files(repository) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_cannot_be_written_leaves_all_as_it_was(repository: Path) -> None:
    before = files(repository)
    (repository / "services/metadata").chmod(0o555)
    try:
        assert run(["adopt", "--write", "--no-lock"]) == FilesError.exit_code
    finally:
        (repository / "services/metadata").chmod(0o755)
    assert files(repository) == before


@pytest.mark.parametrize("words", [["--undo", "--write"], ["--set", "X"], ["a", "b"], ["--undo", "--only", "BG001"]])
@pytest.mark.usefixtures("repository")
def test_words_that_do_not_go_together(words: list[str]) -> None:
    assert run(["adopt", *words]) == 2


@pytest.mark.usefixtures("repository")
def test_skip(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["adopt", "--json", "--skip", "services/0*", "--skip", "services/metadata/"]) == 0
    names = {image["name"] for image in json.loads(capsys.readouterr().out)["images"]}
    assert names == {"base-cpu", "base-cuda", "base-ml", "mux", "post-ner", "subtitle-gen"}
