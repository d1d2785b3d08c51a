"""A RUN -> its shell commands, with places: words that are known, operators, nesting, and what nobody can tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakegen.dockerfile.bash import ShellCommand
from bakegen.dockerfile.parser import DockerfileError, parse
from bakegen.dockerfile.script import Script, script
from tests.test_dockerfile_parser import CORPUS, needs_corpus


def view(text: str) -> Script:
    """Return the view of the one RUN in a text."""
    (instruction,) = parse(text).instructions
    return script(instruction)


def words(command: ShellCommand) -> list[str | None]:
    return [word.text for word in command.words]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RUN a b\n", [["a", "b"]]),
        ("RUN a 'b c' \"d e\" f\\ g\n", [["a", "b c", "d e", "f g"]]),
        ("RUN a \"b\\$c\" 'd\\$'\n", [["a", "b$c", "d\\$"]]),
        ("RUN a b'c'\"d\"\n", [["a", "bcd"]]),
        ("RUN a $B ${C} $(d) `e`\n", [["d"], ["e"], ["a", None, None, None, None]]),
        ("RUN a {b,c}\n", [["a", None]]),
        ("RUN a && b; c || d\n", [["a"], ["b"], ["c"], ["d"]]),
        ("RUN a # b && c\n", [["a"]]),
        ("RUN a \\\n  # b\n  && c\n", [["a"], ["c"]]),
        ("RUN pip install a>=2 'b>=1' -q\n", [["pip", "install", "a", "b>=1", "-q"]]),
        ("RUN export A=b; unset C\n", [["export"], ["unset", "C"]]),
        ("RUN [ -f x ] && y\n", [[], ["y"]]),
        ('RUN ["a", "b c"]\n', [["a", "b c"]]),
        ('RUN ["sh", "-c", "a && b"]\n', [["sh", "-c", "a && b"], ["a"], ["b"]]),
        ("RUN bash -ec 'a; b'\n", [["bash", "-ec", "a; b"], ["a"], ["b"]]),
        ("RUN <<EOF\na\nb c\nEOF\n", [["a"], ["b", "c"]]),
        ("RUN cat <<EOF >f && a\nb\nEOF\n", [["cat"], ["a"]]),
        ("RUN é ü && b\n", [["é", "ü"], ["b"]]),
    ],
)
def test_words(text: str, expected: list[list[str | None]]) -> None:
    assert [words(command) for command in view(text).commands] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RUN a && b || c; d & e\n", [("", "&&"), ("&&", "||"), ("||", ";"), (";", "&"), ("&", "")]),
        ("RUN a | b\n", [("", "|"), ("|", "")]),
        ("RUN a;\n", [("", ";")]),
        ("RUN a && b > f\n", [("", "&&"), ("&&", "")]),
        ("RUN a && b > f && c\n", [("", "&&"), ("&&", "&&"), ("&&", "")]),
        ("RUN <<EOF\na\nb\nEOF\n", [("", ";"), (";", "")]),
    ],
)
def test_operators(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(command.before, command.after) for command in view(text).commands] == expected


@pytest.mark.parametrize(
    ("text", "name", "path"),
    [
        ("RUN a\n", "a", ()),
        ("RUN (a)\n", "a", ("subshell",)),
        ("RUN { a; }\n", "a", ("group",)),
        ("RUN if b; then a; fi\n", "a", ("if",)),
        ("RUN for x in y; do a; done\n", "a", ("loop",)),
        ("RUN case x in y) a;; esac\n", "a", ("case",)),
        ("RUN f() { a; }\n", "a", ("function", "group")),
        ("RUN ! a\n", "a", ("negation",)),
        ("RUN b | a\n", "a", ("pipeline",)),
        ("RUN b $(a)\n", "a", ("substitution",)),
        ("RUN (sh -c 'x && a')\n", "a", ("subshell", "sh -c")),
    ],
)
def test_nesting(text: str, name: str, path: tuple[str, ...]) -> None:
    assert [command.path for command in view(text).commands if command.name == name] == [path]


def test_a_redirect_belongs_to_the_last_command_of_a_list() -> None:
    first, second = view("RUN a && b > f\n").commands
    assert first.redirects == ()
    assert [(r.operator, r.target.text if r.target else None) for r in second.redirects] == [(">", "f")]


def test_assignments_and_values() -> None:
    (command,) = view('RUN A=1 B="$X/y" c "$X" ~/z\n').commands
    assert [(name, word.text) for name, word in command.assignments] == [("A", "1"), ("B", None)]
    assert command.assignments[1][1].value({"X": "/w"}) == "/w/y"
    assert command.words[1].value({"X": "/a b"}) == "/a b"
    assert view("RUN c $X\n").commands[0].words[1].value({"X": "a b"}) is None  # it falls apart into words


@pytest.mark.parametrize(
    "text",
    [
        "RUN apt-get update \\\n  && pip install \\\n # why\n   a\n",
        "RUN apt-get update \\\r\n  && pip install \\\r\n   a\r\n",
        "# escape=`\nRUN apt-get update `\n  && pip install `\n   a\n",
        "\ufeffRUN apt-get update && pip install a",
        "RUN <<EOF\r\napt-get update\r\npip install a\r\nEOF\r\n",
    ],
)
def test_places_in_the_file(text: str) -> None:
    found = view(text)
    for command in found.commands:
        for word in command.words:
            start, end = found.span(word.start, word.end)
            assert text[start:end] == word.raw
    start, _ = found.span(found.commands[1].start, found.commands[1].end)
    assert text[start:].startswith("pip install")


@pytest.mark.parametrize(
    ("text", "editable", "foreign"),
    [
        ("RUN a\n", True, False),
        ("RUN if a; then\n", False, False),
        ('RUN ["a"]\n', False, False),
        ("RUN <<EOF\na\nEOF\n", False, False),
        ("RUN <<EOF\n#!/usr/bin/env python3\nimport os\nEOF\n", False, True),
        ("RUN <<EOF\n#!/bin/bash -e\na\nEOF\n", False, False),
        ("RUN bash <<EOF\na\nEOF\n", False, True),
        ("RUN <<-EOF\n\ta\n\tEOF\n", False, True),
    ],
)
def test_what_can_be_edited(text: str, editable: bool, foreign: bool) -> None:
    found = view(text)
    assert (found.editable, found.foreign) == (editable, foreign)


@given(st.text(alphabet="ab \"'\\$(){}[]<>|&;#\n*~=é-", max_size=60))
def test_any_text_has_a_view(body: str) -> None:
    try:
        dockerfile = parse(f"RUN {body}\n")
    except DockerfileError:
        return
    for instruction in dockerfile.instructions:
        if instruction.name == "RUN":
            found = script(instruction)
            for command in found.commands:
                assert 0 <= command.start <= command.end
                start, end = found.span(command.start, command.end)
                assert 0 <= start <= end <= len(dockerfile.text)


@needs_corpus
def test_public_files_are_understood() -> None:
    runs = broken = 0
    for path in sorted((CORPUS / "dockerfiles").iterdir()):
        if "windows" in path.name:  # PowerShell
            continue
        try:
            dockerfile = parse(path.read_bytes().decode("utf-8", "replace"))
        except DockerfileError:
            continue
        found = [script(i) for i in dockerfile.instructions if i.name == "RUN"]
        runs += len(found)
        broken += sum(each.broken for each in found)
    assert runs > 3000
    assert broken <= 6
