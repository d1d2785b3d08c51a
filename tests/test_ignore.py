"""The port of BuildKit's .dockerignore: its recorded answers, its oddities, and no crash whatever stands in the file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakegen.ignore import Hidden, IgnoreError, Patterns, hidden

CORPUS = Path(os.environ.get("BAKEGEN_CORPUS") or Path(__file__).parents[2] / "shared" / "corpus")
ORACLE = CORPUS / "dockerignore.oracle.jsonl"

needs_oracle = pytest.mark.skipif(
    not ORACLE.exists(), reason="needs BuildKit's answers to 1,500 files; BAKEGEN_CORPUS names their directory"
)


def ignored(text: str, *paths: str) -> list[str]:
    """Return which paths are left out; on a walk and asked for alone, unless a test is about the difference."""
    patterns = Patterns.parse(text)
    found = [path for path in paths if patterns.matches(path)]
    assert found == [path for path in paths if patterns.leaves_out(path)]
    return found


@needs_oracle
def test_buildkits_own_answers() -> None:
    rows = [json.loads(line) for line in ORACLE.read_text(encoding="utf-8").splitlines()]
    wrong = []
    for row in rows:
        try:
            patterns = Patterns.parse(row["dockerignore"])
        except IgnoreError:
            assert row["error"], row
        else:
            assert not row["error"], row
            wrong += [
                (row["dockerignore"], path) for path, told in row["paths"].items() if patterns.matches(path) != told
            ]
    assert len(rows) == 1500
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "paths", "left_out"),
    [
        ("docs\n", ["docs", "docs/a/b", "a/docs"], ["docs", "docs/a/b"]),
        ("/docs/\n", ["docs/a"], ["docs/a"]),
        ("*.md\n!README.md\n", ["a.md", "README.md", "x/a.md"], ["a.md"]),
        ("**/*.py\n", ["a.py", "x/y/a.py", "a.pyc"], ["a.py", "x/y/a.py"]),
        ("**\n!keep/this\n", ["x", "keep/x", "keep/this/y"], ["x", "keep/x"]),
        ("a/**\n", ["a", "a/b", "ab"], ["a/b"]),
        ("a**\n", ["a", "ab/c", "ba"], ["a", "ab/c"]),
        ("**cache\n", ["x/mycache", "cache", "caches"], ["x/mycache", "cache"]),
        ("#x\n #x\n\\#y\n", ["#x", "#y"], ["#x", "#y"]),  # a comment begins in column 0; a space before it names a file
        ("  a  \n! a/b \n", ["a", "a/b"], ["a"]),
        ("\ufeffa\r\nb\r\n", ["a", "b"], ["a", "b"]),
        ("a/../b\n./c\n../d\n", ["a", "b", "c", "d"], ["b", "c"]),
        ("[!a]x\n[^b]y\n", ["ax", "!x", "bx", "by", "ay"], ["ax", "!x", "ay"]),
        ("a?c\n", ["abc", "a/c", "ac"], ["abc"]),
        ("a\\*\n", ["a*", "ab"], ["a*"]),
        ("/\n.\n\n", ["a", "."], []),
        ("\xa0é\u3000\n", ["é", "é/a"], ["é", "é/a"]),
        ("a.b+(c)$\n*.b+(c)$\n", ["a.b+(c)$", "aXb+(c)$"], ["a.b+(c)$"]),
    ],
)
def test_matching(text: str, paths: list[str], left_out: list[str]) -> None:
    assert ignored(text, *paths) == left_out


@pytest.mark.parametrize(
    ("text", "paths", "left_out"),
    [
        ("a|b*\n", ["ax/y", "xb", "x"], ["ax/y", "xb"]),  # a bar that stays one, and takes the anchors apart
        ("a{2}?\n", ["aax", "a{2}x"], ["aax"]),
        ("a{,2}?\n", ["a{,2}x", "aax"], ["a{,2}x"]),
        ("\\d\\w\n", ["1a", "dw"], ["1a"]),
        ("x[[:digit:]]\n", ["x1", "xd]"], ["x1"]),
        ("^a*\n", ["ab", "^ab"], ["ab"]),
        ("^a\n", ["a", "^a"], ["^a"]),
        ("[\\x41-C]\n", ["A", "B", "D"], ["A", "B"]),
        ("\\Q*.md\n", ["[^/]*\\.md$"], ["[^/]*\\.md$"]),
        ("*\udcff\n", ["a\udcfe", "a\ufffd", "ab"], ["a\udcfe", "a\ufffd"]),
    ],
)
def test_what_buildkit_leaves_of_a_pattern_to_gos_regular_expressions(
    text: str, paths: list[str], left_out: list[str]
) -> None:
    assert ignored(text, *paths) == left_out


@pytest.mark.parametrize(
    "line", ["!", "! ", "!/", "[", "a[]", "[]a]", "[a-]", "[^]", "a\\", "[a", "[-a]", "x" * 65_536]
)
def test_what_buildkit_refuses(line: str) -> None:
    with pytest.raises(IgnoreError) as caught:
        Patterns.parse(f"a\n\n{line}\n")
    assert caught.value.line == 3


@pytest.mark.parametrize(
    "line", ["[z-a]x", "a{2}{3}*", "x\\le", "\\pL", "a{1001}*", "\\Q[a]\\E[[:no:]]", "\\8x", "[[:no:]]"]
)
def test_an_expression_that_does_not_compile_fails_once_it_is_asked(line: str) -> None:
    patterns = Patterns.parse(f"a\n{line}\n")
    assert patterns.matches("a")  # the line before has already decided
    with pytest.raises(IgnoreError) as caught:
        patterns.matches("b")
    assert caught.value.line == 2
    with pytest.raises(IgnoreError):
        patterns.leaves_out("b")
    assert not Patterns.parse(f"!{line}\n").matches("b")  # BuildKit does not ask what there is nothing to take back


def test_on_a_walk_a_directory_is_not_taken_back_for_what_is_left_out_deeper() -> None:
    """As the engine does it: checked with buildx 0.29.1, and BuildKit of Docker 28.5.2."""
    patterns = Patterns.parse("**.py\n!b\n")
    assert not patterns.matches("b/x.py/b/foo")
    assert patterns.leaves_out("b/x.py/b/foo")


def test_a_file_that_arrives_empty() -> None:
    patterns = Patterns.parse("a\n!*/x\na\n")
    assert not patterns.leaves_out("a/x")
    assert patterns.matches("a/x")


def test_who_decides() -> None:
    patterns = Patterns.parse("# litter\n*\n!src\n**/__pycache__\n!src/__pycache__/keep\n")

    def line(path: str) -> int | None:
        decider = patterns.decider(path)
        return decider.line if decider else None

    assert [line(p) for p in ("x", "src/a", "src/__pycache__/a", "src/__pycache__/keep/b")] == [2, 3, 4, 5]
    assert Patterns.parse("a\n").decider("b") is None
    assert str(patterns.lines[1]) == "!src"


def test_which_directories_need_no_walk() -> None:
    patterns = Patterns.parse("*\n!src/app\n!tools/*\n")
    assert [patterns.prunes(path) for path in ("src", "src/app", "src/other", "tools", "docs")] == [
        False,
        False,
        True,
        False,
        True,
    ]
    assert not Patterns.parse("*\n!**/*.py\n").prunes("docs")


@pytest.mark.parametrize(
    ("text", "sources", "found"),
    [
        ("*.txt\n", ["requirements.txt", "./requirements.txt", "/a/b.txt"], ["requirements.txt", "./requirements.txt"]),
        ("*.txt\n", ["*.txt", "req*.txt", "*", "*.t?t", "x[a-c].txt"], ["*.txt", "req*.txt", "x[a-c].txt"]),
        ("requirements.txt\n", ["requirements*.txt"], []),
        ("docs\n!docs/api\n", ["docs", "docs/guide", "docs/api"], ["docs/guide"]),
        ("*\n!**/*.py\n", ["src", "setup.cfg", "main.py"], ["setup.cfg"]),
        ("**\n", [".", "./", "/", "", "a"], ["a"]),
        ("secret\n", ["a/../secret/x", "../secret"], ["a/../secret/x", "../secret"]),
    ],
)
def test_sources_that_are_hidden(text: str, sources: list[str], found: list[str]) -> None:
    assert [item.source for item in hidden(Patterns.parse(text), sources)] == found


def test_what_hides_a_source_is_told_with_its_line() -> None:
    assert hidden(Patterns.parse("\n/docs/\n"), ["docs/a.md", "docs/a.md"]) == (Hidden("docs/a.md", 2, "docs"),)


def test_the_caller_may_know_what_is_a_directory() -> None:
    patterns = Patterns.parse("*\n!**/*.py\n")
    assert hidden(patterns, ["Makefile"]) == ()
    assert [item.source for item in hidden(patterns, ["Makefile", "src"], {"src"}.__contains__)] == ["Makefile"]


ODD = st.lists(
    st.sampled_from([*"ab/!#*?[]^-\\{}|.$()+ ,12pQdxE\n\r\t", "\ufeff", "\udcff", "é", "[:digit:]", "**/"]), max_size=40
).map("".join)
PATHS = st.lists(
    st.text(st.sampled_from([*"ab!#*?[]^-\\{}| .\n1é\udcff\ufffd"]), min_size=1, max_size=5), min_size=1, max_size=4
)


@given(ODD | st.text(), PATHS)
def test_no_file_is_a_crash(text: str, parts: list[str]) -> None:
    path = "/".join(parts)
    try:
        patterns = Patterns.parse(text)
        patterns.matches(path)
        decider = patterns.decider(path)
        assert patterns.leaves_out(path) == bool(decider and not decider.keeps)
        hidden(patterns, [path])
    except IgnoreError as error:
        lines = range(1, text.count("\n") + 2)
        assert error.line in lines  # noqa: PT017 - most texts raise nothing


@given(ODD.map("a\n".__add__), PATHS.map(lambda parts: ["a", *parts]))
def test_what_is_pruned_has_nothing_to_send(text: str, parts: list[str]) -> None:
    try:
        patterns = Patterns.parse(text)
        top, path = parts[0], "/".join(parts)
        if patterns.leaves_out(top) and patterns.prunes(top) and path.startswith(f"{top}/"):
            assert patterns.leaves_out(path)
    except IgnoreError:
        pass
