"""The command line: data on stdout and the rest on stderr, one exit code per class, and never a traceback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from bakegen import cli
from bakegen.errors import EXIT_CODES, BakegenError
from tests.manifests import family
from tests.support import ROOT, bakegen, write_project

SMALL = family("base: {from: b}\nleaf: {from: base}\ncuda: {from: g}")
#: Verbs that read a manifest and print, without an engine.
PRINTING: list[list[str]] = [["list"], ["list", "--json"], ["list", "--groups"], ["graph"], ["matrix"], ["schema"]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a small project, entered."""
    monkeypatch.chdir(write_project(tmp_path, SMALL))
    return tmp_path


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_has_a_help_with_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--help", "-h"):
        assert cli.run([verb, option]) == 0
    shown = capsys.readouterr().out
    assert f"bakegen {verb}" in shown.partition("Usage:")[2].partition("\n")[2]
    assert all(len(line) <= 100 for line in shown.splitlines())


def test_help_lists_verbs_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(re.search(rf"^  {verb}  +\S", shown, re.MULTILINE) for verb in cli.VERBS)
    assert all(re.search(rf"^ +{code}  \S", shown, re.MULTILINE) for code in EXIT_CODES)


def test_exit_codes_are_unlike() -> None:
    kinds = BakegenError.__subclasses__()
    assert len({kind.exit_code for kind in kinds}) == len(kinds)
    assert {kind.exit_code for kind in kinds} | {0, BakegenError.exit_code} == set(EXIT_CODES)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert re.fullmatch(r"bakegen \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "Usage: bakegen"),
        (["lst"], 2, "no such verb: lst. Did you mean list?"),
        (["zzz"], 2, "no such verb: zzz. Verbs: adopt, bench,"),
        (["list", "--jsn"], 2, "No such option"),
        (["--nope"], 2, "No such option"),
        (["graph", "--format", "svg"], 2, "'svg' is not one of"),
        (["matrix", "--max-jobs", "0"], 2, "is not in the range"),
        (["list", "lef"], 2, "error: no image, group or glob 'lef' in the family f\n    did you mean leaf?"),
        (["list", ""], 2, "no image, group or glob ''"),
        (["list", "\udcff\x1b"], 2, r"no image, group or glob '\udcff\x1b'"),
        (["render", "-f", "nope.yaml"], 3, "error: nope.yaml: there is no such manifest"),
        (["render", "-f", "nope\0"], 3, "there is no such manifest"),
        (["matrix", "--github-output", "--stages", "1"], 2, "the selection builds in 2 stages, the workflow has 1"),
        (["render", "--check"], 1, "5 files drifted from the manifest; run: bakegen render"),
    ],
)
@pytest.mark.usefixtures("project")
def test_exit_codes(arguments: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments) == code
    shown = capsys.readouterr()
    assert says in (shown.err or shown.out)
    assert "Traceback" not in shown.err


def test_a_manifest_with_problems(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "bakegen.yaml").write_text(family("a: {fron: b}\nc: {from: x}"))
    assert cli.run(["render"]) == 3
    assert capsys.readouterr().err == (
        "error: bakegen.yaml:5:7: unknown key 'fron' in images.a\n"
        "    did you mean from?\n"
        "error: bakegen.yaml:6:13: c is built from 'x', which does not exist\n"
        "    bases and images are: b, g, c\n"
        "2 problems\n"
    )
    assert [path.name for path in project.iterdir()] == ["bakegen.yaml"]


def test_render(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["render", "--diff"]) == 0
    assert "+++ b/docker-bake.hcl" in capsys.readouterr().out
    assert cli.run(["render"]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines()[-1] == "5 files changed, 5 rendered"
    assert cli.run(["render", "--check"]) == 0
    assert capsys.readouterr().err == "no file would change\n"
    (project / "docker-bake.hcl").write_text("target x {}")
    assert cli.run(["render"]) == 4
    assert "docker-bake.hcl: this file was not written by bakegen" in capsys.readouterr().err
    (project / "docker-bake.hcl").unlink()
    (project / "docker-bake.hcl").mkdir()
    assert cli.run(["render"]) == 7
    assert "a directory stands where a file belongs" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
@pytest.mark.usefixtures("project")
def test_data_goes_to_stdout_alone(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert shown.out.endswith("\n")
    assert all(line == line.rstrip() for line in shown.out.splitlines())
    if arguments[-1] in {"--json", "schema", "matrix"}:
        json.loads(shown.out)


@pytest.mark.usefixtures("project")
def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    cli.run(["list"])
    assert capsys.readouterr().out == (
        "IMAGE  TARGET  FROM  TAG\n"
        "base   cpu     b     base:latest\n"
        "cuda   cuda    g     cuda:latest\n"
        "leaf   cpu     base  leaf:latest\n"
    )
    cli.run(["list", "gpu", "--json"])
    (row,) = json.loads(capsys.readouterr().out)
    assert row["image"] == "cuda"
    cli.run(["list", "--groups"])
    assert "gpu      cuda\n" in capsys.readouterr().out


def test_the_reference_family_fits_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("list", "graph"):
        assert cli.run([verb, "-f", str(ROOT / "bakegen.yaml")]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_the_manifest_is_found_from_below_and_named_as_seen_from_there(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "docker/deep").mkdir(parents=True)
    monkeypatch.chdir(project / "docker/deep")
    assert cli.run(["list"]) == 0
    (project / "bakegen.yaml").write_text("x: [\n")
    assert cli.run(["list"]) == 3
    assert "error: ../../bakegen.yaml:2:1: not YAML" in capsys.readouterr().err.replace("\\", "/")


@pytest.mark.parametrize("absolute", [True, False])
def test_a_manifest_elsewhere(tmp_path: Path, absolute: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    write_project(tmp_path / "p", SMALL)
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    for name in ("bakegen.yaml", ""):  # the file or its directory
        chosen = Path("..") / "p" / name
        assert cli.run(["render", "-f", str(chosen.resolve() if absolute else chosen)]) == 0
    assert (tmp_path / "p/docker/leaf/Dockerfile").is_file()
    assert list((tmp_path / "cwd").iterdir()) == []


def test_no_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(["list"]) == 3
    assert capsys.readouterr().err.startswith("error: bakegen.yaml: there is no such manifest\n    write one")
    (tmp_path / "bakegen.yaml").mkdir()
    assert cli.run(["list"]) == 7
    assert "cannot read the file: is a directory" in capsys.readouterr().err


# --- as a process of its own -------------------------------------------------------------------------------------------


@pytest.mark.process
@pytest.mark.parametrize("arguments", [*PRINTING, ["list", "nope"], ["render", "--check"], ["--help"]], ids=" ".join)
def test_no_control_characters_without_a_terminal(tmp_path: Path, arguments: list[str]) -> None:
    write_project(tmp_path, SMALL)
    done = bakegen(*arguments, cwd=tmp_path, env={**os.environ, "TERM": "xterm-256color", "FORCE_COLOR": ""})
    assert "Traceback" not in done.stderr
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", done.stdout + done.stderr)


def on_a_terminal(arguments: Sequence[str], cwd: Path, env: dict[str, str]) -> bytes:
    """Return what bakegen prints on a terminal of 80 columns."""
    import pty

    leader, follower = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "bakegen", *arguments], cwd=cwd, env=env, stdout=follower, stderr=follower
    ):
        os.close(follower)
        shown = b""
        while True:
            try:
                part = os.read(leader, 65536)
            except OSError:  # the other end was closed
                break
            if not part:
                break
            shown += part
    os.close(leader)
    return shown


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo terminals")
@pytest.mark.parametrize("arguments", [["list"], ["list", "nope"], ["--help"]], ids=" ".join)
def test_no_colour_where_it_is_not_wanted(tmp_path: Path, arguments: list[str]) -> None:
    write_project(tmp_path, SMALL)
    assert b"\x1b" not in on_a_terminal(
        arguments, tmp_path, {**os.environ, "NO_COLOR": "1", "TERM": "xterm", "COLUMNS": "80"}
    )


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="no pipes that break")
@pytest.mark.parametrize("arguments", [["schema"], ["list", "--json"], ["graph"]], ids=" ".join)
def test_a_reader_that_has_seen_enough(tmp_path: Path, arguments: list[str]) -> None:
    """`bakegen schema | head -1` ends quietly."""
    write_project(tmp_path, family("\n".join(f"i{n}: {{from: b}}" for n in range(600))))
    command = [sys.executable, "-m", "bakegen", *arguments]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        errors = process.stderr.read()
    assert errors == b""
    assert process.returncode in {0, 141}


@pytest.mark.process
@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_console_that_knows_fewer_characters(tmp_path: Path, encoding: str) -> None:
    write_project(tmp_path, family("a: {from: b, description: '中文 😀'}\nc: {from: a}"))
    for arguments in (["list", "--json"], ["graph"]):
        done = bakegen(*arguments, cwd=tmp_path, env={**os.environ, "PYTHONIOENCODING": encoding})
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.process
def test_exit_codes_of_the_process(tmp_path: Path) -> None:
    write_project(tmp_path, SMALL)
    for arguments, code in ((["list"], 0), (["render", "--check"], 1), (["nope"], 2), (["list", "-f", "x"], 3)):
        assert bakegen(*arguments, cwd=tmp_path).returncode == code


@pytest.mark.process
def test_help_is_quick(tmp_path: Path) -> None:
    """Help imports no model: it answers while one would still be loading pydantic."""
    program = "import sys; from bakegen.cli import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert not {"pydantic", "jinja2", "yaml", "python_on_whales", "rich"} & set(done.stderr.split())


INSANE = {
    "empty": b"",
    "binary": bytes(range(256)) * 9,
    "loop": b"version: 1\nimages: &a {x: *a}\n",
    "10 MB": b"# x\n" * 2_600_000,
    "tabs": b"version: 1\n\tfamily: x\n",
    "deep": b"[" * 100_000,
    "a list": b"- version: 1\n",
    "utf-16": "version: 1".encode("utf-16"),
    "a number": b"1",
    "keys": b"? [x]\n: 1\n? {a: b}\n: 2\n",
    "long line": b"version: '" + b"x" * 1_500_000 + b"'\n",
    "nothing but braces": b"{" * 1000 + b"}" * 1000,
}


@pytest.mark.parametrize("name", INSANE)
def test_insane_manifests(project: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "bakegen.yaml").write_bytes(INSANE[name])
    assert cli.run(["render"]) == 3
    shown = capsys.readouterr().err
    assert re.match(r"error: bakegen\.yaml(:\d+:\d+)?: \S", shown)
    assert len(shown) < 1000
    assert [path.name for path in project.iterdir()] == ["bakegen.yaml"]
