"""Rendering: the committed files are what the manifests give, to the byte; templates of a user's own go first."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from bakegen.errors import ManifestError, Problem
from bakegen.files import MARK, unified_diff
from bakegen.layers import Mount
from bakegen.project import load
from bakegen.render.templates import environment
from tests.manifests import family, open_project
from tests.support import ROOT

GOLDEN = ROOT / "tests" / "golden"
#: Set it to write the golden files instead of comparing them; git shows what changed.
UPDATE = "BAKEGEN_UPDATE_GOLDEN"
PROJECTS = [ROOT, *sorted(path.parent for path in GOLDEN.glob("*/bakegen.yaml"))]


@pytest.mark.parametrize("root", PROJECTS, ids=lambda path: path.name)
def test_committed_files_are_what_render_gives(root: Path) -> None:
    project = load(root / "bakegen.yaml")
    if os.environ.get(UPDATE) and root != ROOT:
        project.write()
    assert "".join(map(unified_diff, project.changes())) == ""
    for path, text in project.render().items():
        assert (root / path).read_bytes() == text.encode(), path


@pytest.mark.parametrize("root", PROJECTS, ids=lambda path: path.name)
def test_rendering_twice_is_equal_to_the_byte(root: Path) -> None:
    first, second = (load(root / "bakegen.yaml").render() for _ in range(2))
    assert first == second
    assert list(first) == sorted(first)


@pytest.mark.parametrize("root", PROJECTS, ids=lambda path: path.name)
def test_habits_of_every_generated_file(root: Path) -> None:
    """A header of ours, one line end at the end, no white space at the ends of lines, no machine's path."""
    for path, text in load(root / "bakegen.yaml").render().items():
        assert text.splitlines()[0].startswith(f"# {MARK} from bakegen.yaml"), path
        assert text.endswith("\n"), path
        assert not text.endswith("\n\n"), path
        assert path.endswith(".py") or "\n\n\n" not in text, path
        assert "\r" not in text, path
        assert str(ROOT) not in text, path
        assert all(line == line.rstrip(" \t") for line in text.split("\n")), path


@pytest.mark.process
def test_equal_under_any_hash_seed_and_locale(tmp_path: Path) -> None:
    """Sets and the environment leave no trace."""
    import sys

    program = "import bakegen, sys; sys.stdout.buffer.write(repr(bakegen.load(sys.argv[1]).render()).encode())"
    found = set()
    for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"), ("3", "UTC")):
        env = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C", "TAG": "x", "REGISTRY": "y"}
        command = [sys.executable, "-c", program, str(GOLDEN / "uv")]
        found.add(subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, check=True).stdout)
    assert len(found) == 1


def test_secrets_leave_no_trace_but_their_mount() -> None:
    files = load(GOLDEN / "uv").render()
    assert "--mount=type=secret,id=netrc,target=/root/.netrc" in files["docker/base/Dockerfile"]
    assert "COPY --link .netrc" not in "".join(files.values())


def test_another_name_of_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "other file.yml").write_text(family("a: {from: b}"))
    files = load(tmp_path / "other file.yml").render()
    assert all("from other file.yml; do not edit" in text for text in files.values())


def test_a_manifest_whose_name_would_end_the_comment(tmp_path: Path) -> None:
    (tmp_path / "a\nRUN evil").write_text(family("a: {from: b}"))
    for text in load(tmp_path / "a\nRUN evil").render().values():
        assert not any(line.startswith("RUN evil") for line in text.splitlines())


def test_own_templates_go_first(tmp_path: Path) -> None:
    own = {
        "templates/layers/workdir.j2": "# mine\nWORKDIR {{ layer.path | value }}\n",
        "docker-bake.hcl.j2": "# {{ mark }}: {{ plan.images | length }} images of {{ family.family | hcl }}\n",
    }
    files = open_project(tmp_path, family("a: {from: b}"), own).render()
    assert "# mine\nWORKDIR /app" in files["docker/a/Dockerfile"]
    assert files["docker-bake.hcl"] == f'# {MARK}: 1 images of "f"\n'


def test_other_files_at_the_top_are_no_templates(tmp_path: Path) -> None:
    own = {"docker-bake.hcl.j2": "# {{ mark }}\n", "layers/workdir.j2": "mine", "Dockerfile.j2": "mine"}
    assert "mine" not in "".join(open_project(tmp_path, family("a: {from: b}"), own).render().values())


def problem(root: Path, templates: Mapping[str, str]) -> Problem:
    """Return what is said of a user's templates."""
    with pytest.raises(ManifestError) as caught:
        open_project(root, family("a: {from: b, run: [x, y]}"), templates).render()
    (found,) = caught.value.problems
    return found


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("a\n{% if %}\n", "Expected an expression", 2),
        ("a\n\n{{ layer.nope }}\n", "has no attribute 'nope'", 3),
        ("{{ nope }}", "'nope' is undefined", 1),
        ("a\n{{ 1 // 0 }}\n", "ZeroDivisionError", 2),
        ("a\n{{ 'x' | nope }}\n", "No filter named 'nope'", 2),
        ("a\n{{ layer.path | hcl_list | value(1, 2) }}\n", "TypeError", 2),
        ("a\n{% include 'nope.j2' %}\n", "there is no nope.j2", 2),
        ("{% include 'layers/workdir.j2' %}\n", "RecursionError", 1),
        ("{% endif %}", "unknown tag 'endif'", 1),
    ],
)
def test_errors_in_a_template(tmp_path: Path, text: str, what: str, line: int) -> None:
    found = problem(tmp_path, {"templates/layers/workdir.j2": text})
    assert what in found.what
    assert str(found.where) == f"templates/layers/workdir.j2:{line}"


def test_errors_in_the_bake_template(tmp_path: Path) -> None:
    assert str(problem(tmp_path, {"docker-bake.hcl.j2": "\n{{ nope }}"}).where) == "docker-bake.hcl.j2:2"


def test_a_template_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "templates/layers").mkdir(parents=True)
    (tmp_path / "templates/layers/workdir.j2").write_bytes(b"\xff")
    assert "UnicodeDecodeError" in problem(tmp_path, {}).what


def test_environments_are_kept_apart(tmp_path: Path) -> None:
    assert environment(tmp_path) is not environment(None)
    assert "single_line" in environment(None).tests


def test_flags_of_a_mount() -> None:
    assert Mount("/t", "i").flag == "--mount=type=cache,id=i,target=/t"
    full = Mount("/t", "i", "locked", 0, 1, "0755")
    assert full.flag == "--mount=type=cache,id=i,target=/t,sharing=locked,uid=0,gid=1,mode=0755"
    assert full.identity == ("i", "0", "1", "0755")
    assert Mount("/t", "i").identity == Mount("/u", "i", uid=0).identity
