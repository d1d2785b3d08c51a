"""The generated .dockerignore: small, and never in the way of what an image copies."""

from __future__ import annotations

import posixpath
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bakegen.copied import of_text, planned
from bakegen.dockerfile.parser import parse
from bakegen.dockerfile.sources import Source, Sources, local_sources
from bakegen.errors import ManifestError
from bakegen.ignore import Patterns
from bakegen.ignore.write import kept, literal
from bakegen.project import load
from bakegen.render.ignore import CERTAIN, LITTER, OUTPUTS, dockerignore
from tests.manifests import family, open_project
from tests.support import ROOT, write_project

LITTERED = Patterns.parse("\n".join(CERTAIN))


def taking(*paths: str) -> Sources:
    return Sources(tuple(Source(path, 1, 0) for path in paths))


def left_out(lines: tuple[str, ...], *paths: str) -> list[str]:
    patterns = Patterns.parse("\n".join(lines))
    found = [path for path in paths if patterns.leaves_out(path)]
    assert found == [path for path in paths if patterns.matches(path)]  # or BuildKit sends it empty
    return found


def test_what_nobody_copies_is_left_out() -> None:
    lines = dockerignore(taking("src", "a/requirements.txt"))
    everything = (
        "src/x/y.py",
        "src/x/__pycache__/y.pyc",
        "a/requirements.txt",
        "a/other",
        "docs/x.md",
        ".git/HEAD",
        "m.mp4",
    )
    assert left_out(lines, *everything) == [p for p in everything if p not in {"src/x/y.py", "a/requirements.txt"}]


def test_what_is_in_a_directory_that_is_copied_has_no_line() -> None:
    assert dockerignore(taking("a/b", "a", "a/b/c", "ab", "d/e")) == ("*", "!a", "!ab", "!d/e", *CERTAIN)


def test_an_image_that_copies_all_gets_all_but_litter() -> None:
    lines = dockerignore(taking(".", "src"))
    assert left_out(lines, "docs/x.md", "README.md", "m.mp4", "logs/.gitkeep", "data/model.ckpt") == []
    litter = (
        ".git/HEAD",
        "x/.git",
        ".venv/bin/python",
        ".cache/huggingface/hub/m",
        "run.log",
        "logs/a/b.log",
        "mlruns/0",
    )
    assert left_out(lines, *litter) == list(litter)
    assert dockerignore(taking(".")) == (*LITTER, *OUTPUTS, *CERTAIN)
    assert lines == (*LITTER, *OUTPUTS, "!src", "!src/**", *CERTAIN)


def test_litter_that_is_named_is_sent() -> None:
    named = (
        ".env",
        ".cache/models",
        "mlruns/1/model",
        "src/gen.pyc",
        "x/.git",
        "node_modules",
        "logs/*.log",
        ".coverage*",
    )
    lines = dockerignore(taking(".", *named))
    assert (
        left_out(lines, ".env", ".cache/models/a/b", "mlruns/1/model/x", "src/gen.pyc", "x/.git/HEAD", "logs/a.log")
        == []
    )
    assert left_out(lines, ".cache/other", "src/other.pyc", ".cache/models/__pycache__/x") == [
        ".cache/other",
        "src/other.pyc",
        ".cache/models/__pycache__/x",
    ]
    assert left_out(dockerignore(taking("src/__pycache__/keep.pyc")), "src/__pycache__/keep.pyc", "src/x.pyc") == [
        "src/x.pyc"
    ]


def test_with_a_source_that_cannot_be_told_only_certain_litter_is_left_out() -> None:
    unclear = local_sources(parse("FROM a\nCOPY $X .venv /\n"))
    lines = dockerignore(unclear)
    assert left_out(lines, "anything", "wandb/run-1", ".cache/x", ".venv/a", "a/__pycache__") == ["a/__pycache__"]
    assert left_out(lines, "venv/a", ".git") == ["venv/a", ".git"]


NAMES = st.sampled_from(
    [
        "a",
        "b",
        "src",
        "a b",
        " a",
        "a ",
        "#a",
        "!a",
        "a{b}",
        "a|b",
        "^a",
        "a.py",
        "a.pyc",
        ".git",
        ".env",
        ".venv",
        "__pycache__",
        "node_modules",
        "run.log",
        "logs",
        "wandb",
        "run-1",
        ".cache",
        "mlruns",
        "é",
        "$a",
        "(a)",
        "a+",
        ".coverage",
        "a]",
        "~",
    ]
)
#: A name that ends like a file's is one.
PATHS = st.builds(
    lambda above, name: "/".join([*above, name]), st.lists(NAMES.filter(lambda n: n != "a.py"), max_size=3), NAMES
)


@given(st.lists(PATHS, min_size=1), st.data())
@example([".cache/a/b", "src"], None)
def test_whatever_an_image_copies_and_exists_is_sent(tree: list[str], data: st.DataObject | None) -> None:
    """Of a tree, whatever a source names is sent; below a directory that it names, all but CERTAIN litter is."""
    directories = sorted({*tree, *(above for path in tree for above in accumulate(path.split("/"), posixpath.join))})
    sources = data.draw(st.lists(st.sampled_from([*directories, "."]), unique=True)) if data else ["."]
    patterns = Patterns.parse("\n".join(dockerignore(taking(*sources))))
    for source in sources:
        for path in directories:
            inside = path.startswith(f"{source}/") and LITTERED.leaves_out(path.removeprefix(f"{source}/"))
            if path == source or (path.startswith(f"{source}/") and not inside):
                assert not patterns.leaves_out(path), (sources, path, patterns.decider(path))
                assert not patterns.matches(path), (sources, path)  # it would arrive empty


@given(st.lists(PATHS, min_size=1), st.booleans(), st.data())
def test_whatever_a_pattern_of_copy_means_is_sent(tree: list[str], everything: bool, data: st.DataObject) -> None:
    """What is litter by its name is only sent where that is written out."""
    parts = data.draw(st.sampled_from(tree)).split("/")
    wild = data.draw(st.lists(st.booleans(), min_size=len(parts), max_size=len(parts)))
    glob = "/".join("*" if star else literal(part) for star, part in zip(wild, parts, strict=True))
    lines = dockerignore(taking(glob, *["."] * everything))
    patterns = Patterns.parse("\n".join(lines))
    litter = Patterns.parse("\n".join([*LITTER, *OUTPUTS, *CERTAIN]))
    for path in tree:
        own = path.split("/")
        meant = len(own) == len(parts) and all(star or a == b for star, a, b in zip(wild, parts, own, strict=True))
        if meant and not litter.leaves_out(path):
            assert not patterns.leaves_out(path), (lines, path)
            assert not patterns.matches(path), (lines, path)


@given(PATHS | st.text(st.characters(exclude_characters="\0/"), min_size=1).filter(lambda p: p not in {".", ".."}))
def test_a_line_means_its_path(path: str) -> None:
    patterns = Patterns.parse(f"*\n!{literal(path)}\n")
    assert not patterns.leaves_out(path)
    assert not patterns.leaves_out(f"{path}/below")
    assert patterns.leaves_out("x" + path)
    assert Patterns.parse(literal(path)).leaves_out(path)


@pytest.mark.parametrize(
    ("source", "names", "others"),
    [
        ("*.txt", ["a.txt"], ["a.md", "x/a.txt"]),
        ("a{b}?", ["a{b}c"], ["abb"]),
        ("[ab]|*", ["a|x"], ["x", "|"]),
        ("[*].txt", ["*.txt"], []),
        ("\\*.txt", ["*.txt"], ["a.txt"]),
        ("\\d*", ["dx"], ["1x"]),
        ("a[1]", ["a1", "a[1]"], ["a2"]),
        ("[^a]b*", ["cb"], ["ab"]),
        ("*/requirements.txt", ["x/requirements.txt"], ["requirements.txt", "x/y/requirements.txt"]),
    ],
)
def test_patterns_of_copy(source: str, names: list[str], others: list[str]) -> None:
    patterns = Patterns.parse("\n".join(["*", *kept(source)]))
    assert [name for name in names if patterns.leaves_out(name)] == []
    assert [name for name in others if not patterns.leaves_out(name)] == []


HAND = {
    "legacy/Dockerfile": "FROM scratch\nARG D=data\nCOPY $D/*.csv app.py /x/\nRUN --mount=source=setup.cfg,target=/s ls\n"
}


def lines_of(root: Path, manifest: str, files: dict[str, str]) -> list[str]:
    text = open_project(root, manifest, files).render()[".dockerignore"]
    return [line for line in text.splitlines()[1:] if line not in CERTAIN]


def test_hand_written_dockerfiles_count(tmp_path: Path) -> None:
    assert lines_of(tmp_path, family("a: {dockerfile: legacy/Dockerfile}"), HAND) == [
        "*",
        "!app.py",
        "!data/*.csv",
        "!setup.cfg",
    ]


def test_arguments_of_the_manifest_count(tmp_path: Path) -> None:
    assert "!given/*.csv" in lines_of(tmp_path, family("a: {dockerfile: legacy/Dockerfile, args: {D: given}}"), HAND)


def test_images_with_a_file_or_a_context_of_their_own_do_not(tmp_path: Path) -> None:
    files = {
        **HAND,
        "own/Dockerfile": "FROM scratch\nCOPY . /\n",
        "ruled/Dockerfile": "FROM scratch\nCOPY . /\n",
        "ruled/Dockerfile.dockerignore": "",
    }
    images = "{a: {dockerfile: legacy/Dockerfile}, b: {dockerfile: own/Dockerfile, context: own}, c: {dockerfile: ruled/Dockerfile}}"
    project = open_project(tmp_path, f"version: 1\nfamily: f\nimages: {images}\n", files)
    assert [image.ignore_file for image in project.plan().images] == [
        ".dockerignore",
        "own/.dockerignore",
        "ruled/Dockerfile.dockerignore",
    ]
    assert "!app.py" in project.render()[".dockerignore"]


def test_a_template_of_the_users_own_counts(tmp_path: Path) -> None:
    files = {"templates/layers/workdir.j2": "COPY certs /certs\n"}
    assert "!certs" in lines_of(tmp_path, family("a: {from: b}"), files)


@pytest.mark.parametrize(
    "manifest", sorted(ROOT.glob("tests/golden/*/bakegen.yaml")), ids=lambda path: path.parent.name
)
def test_the_plan_says_what_the_rendered_texts_say(manifest: Path) -> None:
    project = load(manifest)
    for image in project.plan().images:
        if image.generated:
            text = {source.path for source in of_text(project.render()[image.dockerfile], image).named}
            assert {source.path for source in planned(image).named} == text


@pytest.mark.parametrize(
    ("value", "lines"), [("true", []), ("docs", ["docs"]), ('["*.mp4", "# x", "!a.mp4"]', ["*.mp4", "# x", "!a.mp4"])]
)
def test_own_lines_come_last(tmp_path: Path, value: str, lines: list[str]) -> None:
    manifest = family("a: {dockerfile: legacy/Dockerfile}") + f"dockerignore: {value}\n"
    assert lines_of(tmp_path, manifest, HAND)[4:] == lines


def test_no_file_where_it_is_the_users(tmp_path: Path) -> None:
    manifest = family("a: {dockerfile: legacy/Dockerfile}") + "dockerignore: false\n"
    assert ".dockerignore" not in open_project(tmp_path, manifest, HAND).render()


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ('["x", "app.*"]', "the line app.* hides app.py, which a copies"),
        ('["["]', "BuildKit cannot read the pattern ["),
        ('["!"]', "nothing follows"),
        ('["x\\\\le"]', "BuildKit cannot use the pattern"),
        ("3", "expected"),
        ('["a\\nb"]', "one line of .dockerignore"),
    ],
)
def test_own_lines_that_cannot_be(tmp_path: Path, value: str, what: str) -> None:
    text = family("a: {dockerfile: legacy/Dockerfile}") + f"dockerignore: {value}\n"
    write_project(tmp_path, text, HAND)
    with pytest.raises(ManifestError) as caught:
        load(tmp_path / "bakegen.yaml").render()
    (problem,) = caught.value.problems
    assert what in problem.what
    assert problem.where
    assert problem.where.line == text.count("\n")


def test_what_a_later_line_takes_back_is_not_hidden(tmp_path: Path) -> None:
    manifest = family("a: {dockerfile: legacy/Dockerfile}") + 'dockerignore: ["*.py", "!app.py"]\n'
    assert open_project(tmp_path, manifest, HAND).render()
