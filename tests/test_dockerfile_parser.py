"""Dockerfile text -> instructions with places: what BuildKit takes, as BuildKit takes it, and no byte lost."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bakegen.dockerfile.parser import DockerfileError, Heredoc, Instruction, parse
from bakegen.dockerfile.words import Command

CORPUS = Path(os.environ.get("BAKEGEN_CORPUS") or Path(__file__).parents[2] / "shared" / "corpus")
needs_corpus = pytest.mark.skipif(
    not (CORPUS / "dockerfiles.oracle.jsonl").exists(),
    reason="needs the corpus of public Dockerfiles; BAKEGEN_CORPUS names its directory",
)


def only(text: str) -> Instruction:
    """Return the one instruction of a text."""
    (instruction,) = parse(text).instructions
    return instruction


def fails(text: str) -> str:
    with pytest.raises(DockerfileError) as caught:
        parse(text)
    return str(caught.value)


def words(command: Command) -> tuple[Any, ...]:
    """Return all that a command says, its place aside."""
    inner = (words(command.inner),) if command.inner else ()
    return (command.name, [f.text for f in command.flags], *command.values, *inner)


@pytest.mark.parametrize(
    ("text", "logical", "lines"),
    [
        ("RUN a", "RUN a", (1, 1)),
        ("\n\n  run a  \n", "run a  ", (3, 3)),
        ("RUN a \\\n  b\n", "RUN a   b", (1, 2)),
        ("RUN a \\  \t\n  b\n", "RUN a   b", (1, 2)),
        ("RUN a \\\n# c\n  # d\n\n \t\n  b \\\n\\\nc\n", "RUN a   b c", (1, 8)),
        ("RUN a \\", "RUN a ", (1, 1)),
        ("RUN a \\\n\n# c\n", "RUN a ", (1, 3)),
        ("RUN a \\\\\n", "RUN a \\\\", (1, 1)),
        ("RUN a \\ \\\nb\n", "RUN a \\ b", (1, 2)),
        ("\\\nRUN a\n", "RUN a", (1, 2)),
        ("RUN a # b\n", "RUN a # b", (1, 1)),
        ("RUN a\r\n", "RUN a", (1, 1)),
        ("RUN a \\\r\n b\r\n", "RUN a  b", (1, 2)),
        ("\ufeffRUN a\n", "RUN a", (1, 1)),
        ("RUN a\x0bb\x85c\u2028d\n", "RUN a\x0bb\x85c\u2028d", (1, 1)),
        ("RUN a `\n", "RUN a `", (1, 1)),
        ("# escape=`\nRUN a \\\nRUN b `\n c\n", "RUN a \\", (2, 2)),
        ("# a comment\n# escape=`\nRUN a \\\n b\n", "RUN a  b", (3, 4)),
    ],
)
def test_logical_lines(text: str, logical: str, lines: tuple[int, int]) -> None:
    first = parse(text).instructions[0]
    assert (first.text, (first.start_line, first.end_line)) == (logical, lines)
    assert all(text[first.source(n)] == char for n, char in enumerate(logical))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM a  AS\tb", ("FROM", [], "a", "AS", "b")),
        ("from --platform=x a", ("FROM", ["--platform=x"], "a")),
        ("WORKDIR /a b ", ("WORKDIR", [], "/a b")),
        ("WORKDIR", ("WORKDIR", [])),
        ("COPY --a --b='c d' --e=\"f\" -- --g h", ("COPY", ["--a", "--b=c d", "--e=f"], "--g", "h")),
        ("COPY --a=b\\ c\\\\ d e", ("COPY", ["--a=b c\\"], "d", "e")),
        ("COPY --", ("COPY", [])),
        ("COPY --a", ("COPY", ["--a"])),
        ("COPY --a=\\", ("COPY", ["--a="])),
        ("COPY --a='b\\", ("COPY", ["--a=b"])),
        ("COPY - b", ("COPY", [], "-", "b")),
        ('COPY ["a b", "c"]', ("COPY", [], "a b", "c")),
        ("COPY [a] b", ("COPY", [], "[a]", "b")),
        ('CMD ["a", "\\u00e9\\n"]', ("CMD", [], "a", "é\n")),
        ('CMD ["\\ud800"]', ("CMD", [], "\ufffd")),
        ("CMD [ ]", ("CMD", [])),
        ("CMD ['a']", ("CMD", [], "['a']")),
        ("CMD [NaN]", ("CMD", [], "[NaN]")),
        ("CMD [1e999]", ("CMD", [], "[1e999]")),
        ("CMD " + "[" * 9999, ("CMD", [], "[" * 9999)),
        ("ENV a b  c=d", ("ENV", [], "a", "b  c=d", "")),
        ('ENV a=b c=\'d e\' f="g\\" h"', ("ENV", [], "a", "b", "=", "c", "'d e'", "=", "f", '"g\\" h"', "=")),
        ("ENV a=b\\ c", ("ENV", [], "a", "b\\ c", "=")),
        ("LABEL a=b=c", ("LABEL", [], "a", "b=c", "=")),
        ("ENV a=\\", ("ENV", [], "a", "", "=")),
        ('ENV a="b\\', ("ENV", [], "a", '"b', "=")),
        ("ENV", ("ENV", [])),
        ("ARG a b=c d='e f' \\", ("ARG", [], "a", "b=c", "d='e f'")),
        ("HEALTHCHECK --x CMD a  b", ("HEALTHCHECK", ["--x"], "CMD", "a  b")),
        ('HEALTHCHECK CMD ["a", "b"]', ("HEALTHCHECK", [], "CMD", "a", "b")),
        ("HEALTHCHECK CMD \u2003a", ("HEALTHCHECK", [], "CMD", "\u2003a")),
        ('HEALTHCHECK CMD\v\u2003["a"]', ("HEALTHCHECK", [], "CMD", "a")),
        ("COPY --a=\u00e0 b", ("COPY", ["--a=\u00c3"], "b")),
        ("HEALTHCHECK NONE", ("HEALTHCHECK", [], "NONE")),
        ("HEALTHCHECK", ("HEALTHCHECK", [])),
        ("ONBUILD RUN --a b c", ("ONBUILD", [], ("RUN", ["--a"], "b c"))),
        ("ONBUILD LATER x", ("ONBUILD", [], ("LATER", []))),
        ("ONBUILD", ("ONBUILD", [])),
        ("MAINTAINER a <b>", ("MAINTAINER", [], "a <b>")),
    ],
)
def test_what_an_instruction_says(text: str, expected: tuple[Any, ...]) -> None:
    assert words(only(text).command) == expected


def test_json_form() -> None:
    assert only('RUN ["a"]').json_form
    assert only('HEALTHCHECK CMD ["a"]').json_form
    assert not only("RUN [a]").json_form
    assert not only('USER ["a"]').json_form


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "line 1, column 1: no instructions"),
        ("# a\n\n  # b\n", "line 3, column 1: no instructions"),
        ("\ufeff  {{ b }}\n", "line 1, column 3: unknown instruction: {{"),
        ("FROM a\n  {{ b }}\n", "line 2, column 3: unknown instruction: {{"),
        ("FROM a\nRUN\u00a0b\n", "line 2, column 1: unknown instruction: RUN\u00a0b"),
        ("ENV a\n", "line 1, column 5: a has no value"),
        ("ENV a=b \\\n  c\n", "line 2, column 3: c has no =: pairs are written name=value"),
        ("CMD [1]\n", "line 1, column 5: a JSON array here can hold strings only"),
        ('CMD ["a", null]\n', "line 1, column 5: a JSON array here can hold strings only"),
        ("ONBUILD ONBUILD RUN a\n", "line 1, column 9: ONBUILD cannot stand behind ONBUILD"),
        ("ONBUILD from a\n", "line 1, column 9: FROM cannot stand behind ONBUILD"),
        ("RUN a\nRUN <<A\nb\n", "line 2, column 1: the heredoc A does not end"),
        ("# escape=x\nRUN a\n", "line 1, column 10: the escape character is \\ or `, not x"),
        ("  #  escape =  xy\nRUN a\n", "line 1, column 16: the escape character is \\ or `, not xy"),
        ("# syntax=a\n# syntax=b\nRUN a\n", "line 2, column 1: a second syntax directive"),
        ("FROM a\nRUN " + "x" * 65532, "line 2, column 1: a line of more than 65535 bytes"),
        ("FROM a\nRUN " + "é" * 32766, "line 2, column 1: a line of more than 65535 bytes"),
    ],
)
def test_what_buildkit_rejects(text: str, what: str) -> None:
    assert fails(text) == what


def test_the_longest_line() -> None:
    assert len(only("RUN " + "x" * 65531 + "\n").text) == 65535


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "# syntax=a/b:1\n# escape = `\n#CHECK=skip=all \nRUN a",
            [("syntax", "a/b:1"), ("escape", "`"), ("check", "skip=all")],
        ),
        ("\ufeff#syntax=a\r\nRUN a", [("syntax", "a")]),
        ("#\n# syntax=a\nRUN a", []),
        ("\n# syntax=a\nRUN a", []),
        ("# other=x\n# syntax=a\nRUN a", []),
        ("RUN a\n# escape=`\n", []),
        ("#!/bin/x\n# check=y\n# escape=`\n# syntax=a\nRUN a", [("check", "y")]),
    ],
)
def test_directives(text: str, expected: list[tuple[str, str]]) -> None:
    found = parse(text).directives
    assert [(d.name, d.value) for d in found] == expected
    assert [text[slice(*d.span)] for d in found] == [value for _, value in expected]
    assert parse(text).escape == dict(expected).get("escape", "\\")


@pytest.mark.parametrize(
    ("line", "body", "expected"),
    [
        ("RUN <<A", "b\n\nA\n", [("A", True, False, "b\n\n")]),
        ("RUN <<-A", "\tb\n\t\tA\n", [("A", True, True, "\tb\n")]),
        ("RUN <<'A'", "A\n", [("A", False, False, "")]),
        ('RUN <<-"A B" x', "A B\n", [("A B", False, True, "")]),
        ("RUN <<A\\'b", "A'b\n", [("A'b", True, False, "")]),
        ("RUN 3<<  A > x", "A\n", [("A", True, False, "")]),
        ("RUN <<$A", "$A\n", [("$A", True, False, "")]),
        ("RUN a ${b} <<A", "A\n", [("A", True, False, "")]),
        ("COPY <<A <<B /c", "B\nA\nA\nB\n", [("A", True, False, "B\n"), ("B", True, False, "A\n")]),
        ("ONBUILD COPY <<A /c", "RUN\nA\n", [("A", True, False, "RUN\n")]),
        ("RUN \\\n <<A", "# a\nA\n", [("A", True, False, "# a\n")]),
        ("RUN <<A", "\\\r\nA\r\n", [("A", True, False, "\\\r\n")]),
        ("RUN cat <<<A", "", []),
        ("RUN '<<A'", "", []),
        ("RUN a<<A", "", []),
        ("RUN <<A|b", "A|b\n", [("A|b", True, False, "")]),
        ('RUN ["<<A"]', "", []),
        ("USER <<A", "", []),
        ("CMD <<A", "", []),
        ("RUN ${x^^} <<A", "", []),
        ("RUN it's <<A", "", []),
        ("RUN " + "${a:-" * 99 + "}" * 99 + " <<A", "", []),
    ],
)
def test_heredocs(line: str, body: str, expected: list[tuple[str, bool, bool, str]]) -> None:
    text = f"{line}\n{body}USER x\n"
    first, last = parse(text).instructions
    assert [(h.name, h.expand, h.chomp, h.content) for h in first.heredocs] == expected
    assert all(text[slice(*h.span)] == h.content for h in first.heredocs)
    assert (last.text, last.start_line) == ("USER x", text.count("\n"))
    assert first.end_line == last.start_line - 1


def test_heredoc_words_split_with_a_backslash_whatever_the_escape() -> None:
    text = "# escape=`\nRUN <<A\\ B\nA B\n"
    assert only(text).heredocs == (Heredoc("A B", True, False, "", (22, 22)),)


def test_where() -> None:
    found = parse("\ufeffFROM é\r\nRUN a \\\n  b\n")
    run = found.instructions[1]
    assert found.where(1) == (1, 1)
    assert found.where(found.instructions[0].source(5)) == (1, 6)
    assert found.where(run.source(run.text.index("b"))) == (3, 3)
    assert found.where(len(found.text)) == (4, 1)


def test_replace() -> None:
    found = parse("\ufeffFROM a\r\nRUN b \\\r\n  c d\r\n")
    run = found.instructions[1]
    start = run.text.index("c")
    assert run.span(4, len(run.text)) == (13, 23)
    edits = [(*run.span(start, start + 1), "new"), (6, 7, "é"), (0, 0, "")]
    assert found.replace(edits) == "\ufeffFROM é\r\nRUN b \\\r\n  new d\r\n"
    assert found.replace([]) == found.text


@pytest.mark.parametrize("edits", [[(0, 2, ""), (1, 3, "")], [(3, 2, "")], [(0, 99, "")], [(-1, 1, "")]])
def test_edits_that_overlap_or_lie_outside(edits: list[tuple[int, int, str]]) -> None:
    with pytest.raises(ValueError, match="overlaps another or lies outside"):
        parse("FROM a\n").replace(edits)


def check(text: str) -> None:
    """Hold a Dockerfile to what is true of all: every character of a logical line is the file's, in order."""
    try:
        found = parse(text)
    except DockerfileError:
        return
    last = -1
    for instruction in found.instructions:
        for offset, char in enumerate(instruction.text):
            place = instruction.source(offset)
            assert place > last
            assert text[place] == char
            last = place
        for flag in instruction.command.flags:
            if flag.text.isascii():
                assert "".join(instruction.text[n] for n in flag.offsets) == flag.text
    assert found.replace([]) == text


@given(st.text(max_size=60))
@example("\ufeff")
def test_any_text(text: str) -> None:
    check(text)


@given(
    st.lists(
        st.sampled_from(
            [
                *"\n\n\r\t \\`#=<-'\"$&{}[],:aE0\x85\u2028\ufeffé",
                "RUN ",
                "ENV ",
                "\nCOPY --",
                "<<A",
                "ONBUILD ",
                "\nA\n",
            ]
        )
    )
)
@example(["RUN ", "a", "\\", "\n", "\\", "\n", "b"])
def test_any_text_that_looks_like_a_dockerfile(parts: list[str]) -> None:
    check("".join(parts))


@given(
    st.lists(st.sampled_from(["FROM a", "RUN b \\", " c", "# d", "", "RUN <<E", "E"])),
    st.sampled_from(["\n", "\r\n"]),
    st.data(),
)
def test_edits_change_what_they_name_and_nothing_else(lines: list[str], end: str, data: st.DataObject) -> None:
    try:
        found = parse(end.join(["FROM a", *lines]))
    except DockerfileError:
        return
    cuts = sorted(data.draw(st.lists(st.integers(0, len(found.text)), max_size=6)))
    edits = [(a, b, data.draw(st.sampled_from(["", "x\n"]))) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    expected = found.text
    for a, b, new in reversed(edits):
        expected = expected[:a] + new + expected[b:]
    assert found.replace(edits) == expected


def answer(instruction: Instruction) -> dict[str, Any]:
    """Return an instruction as the oracle writes it."""
    return {
        "name": instruction.name,
        "flags": list(instruction.flags),
        "start_line": instruction.start_line,
        "end_line": instruction.end_line,
        "text": instruction.text,
        "json_form": instruction.json_form,
        "heredocs": [
            {"name": h.name, "chomp": h.chomp, "expand": h.expand, "content": h.content} for h in instruction.heredocs
        ],
    }


@needs_corpus
def test_public_dockerfiles_as_buildkit_reads_them() -> None:
    rows = [json.loads(line) for line in (CORPUS / "dockerfiles.oracle.jsonl").read_text("utf-8").splitlines()]
    assert rows
    for row in rows:
        text = (CORPUS / row["file"]).read_bytes().decode()
        if row["error"]:
            fails(text)
            continue
        check(text)
        expected = [i | {"name": i["name"].upper()} for i in row["instructions"]]
        found = parse(text)
        assert (found.escape, [answer(i) for i in found.instructions]) == (row["escape"], expected), row["file"]


def dump(command: Command) -> str:
    """Return a command as BuildKit's test results write it."""
    parts = [command.name.lower()]
    if command.flags:
        parts.append("[" + " ".join(json.dumps(f.text) for f in command.flags) + "]")
    if command.inner:
        parts.append(dump(command.inner))
    parts += [json.dumps(value, ensure_ascii=False) for value in command.values]
    return "(" + " ".join(parts) + ")"


@needs_corpus
def test_the_test_files_of_buildkits_parser() -> None:
    cases = sorted((CORPUS / "buildkit-parser" / "testfiles").iterdir())
    assert cases
    for case in cases:
        found = "\n".join(dump(i.command) for i in parse((case / "Dockerfile").read_bytes().decode()).instructions)
        expected = (case / "result").read_text("utf-8").strip()
        assert found == re.sub(r"\\x([0-9a-f]{2})", r"\\u00\1", expected), case.name


@needs_corpus
def test_what_buildkits_parser_must_reject() -> None:
    for case in sorted((CORPUS / "buildkit-parser" / "testfiles-negative").iterdir()):
        fails((case / "Dockerfile").read_bytes().decode())


@needs_corpus
def test_the_lines_of_buildkits_test_file() -> None:
    found = parse((CORPUS / "buildkit-parser" / "testfile-line" / "Dockerfile").read_text("utf-8"))
    assert [(i.start_line, i.end_line) for i in found.instructions] == [(5, 5), (11, 12), (17, 31)]
