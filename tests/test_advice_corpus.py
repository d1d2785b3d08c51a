"""The rules over public Dockerfiles, and over what chance makes of them: no crash, and edits that say what they do."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakegen.advice import check, improved
from bakegen.advice.rules import RULES
from bakegen.advice.rules.packages import CLEAN, KEEP
from bakegen.dockerfile.parser import Dockerfile, DockerfileError, Instruction, parse
from bakegen.dockerfile.script import script
from tests.test_dockerfile_parser import CORPUS, needs_corpus

#: What an edit may take out of a command, or put in.
_WORDS = {"--no-cache-dir", "--no-cache", "-n", "--update-cache"}
_REMOVED = re.compile(
    r"rm |rmdir |(apt|apt-get) (-\S+ )*(clean|distclean|dist-clean)|(\S+ -m )?(pip\d*|uv|npm|poetry) cache |go clean"
)


def texts() -> list[tuple[str, str]]:
    """Return the public files: name and text."""
    return [
        (path.name, path.read_bytes().decode("utf-8", "replace")) for path in sorted((CORPUS / "dockerfiles").iterdir())
    ]


def commands(instruction: Instruction) -> list[str]:
    """Return the commands of a RUN, without what an edit may take out of one; those it may put in or take out aside."""
    found = []
    for command in script(instruction).commands:
        text = " ".join(word.raw for word in command.words if word.raw not in _WORDS)
        if text not in {CLEAN, KEEP.partition(" >")[0]} and not _REMOVED.match(text):
            found.append(text)
    return found


def assert_same(before: Dockerfile, after: Dockerfile) -> None:
    """Assert that two files have the same instructions but for cache mounts, what empties them, and what turns them off."""
    old = [i for i in before.instructions if i.name != "ENV"]
    new = [i for i in after.instructions if i.name != "ENV"]
    assert [i.name for i in old] == [i.name for i in new]
    assert before.directives == after.directives
    for one, other in zip(old, new, strict=True):
        if one.name != "RUN":
            assert one.text == other.text
            continue
        assert [h.content for h in one.heredocs] == [h.content for h in other.heredocs]
        assert commands(one) == commands(other)
        kept = [flag.replace(",sharing=locked", "").replace(",sharing=shared", "") for flag in one.flags]
        there = [flag.replace(",sharing=locked", "").replace(",sharing=shared", "") for flag in other.flags]
        assert [flag for flag in there if flag in kept] == kept
        assert all(flag.startswith("--mount=type=cache,id=") for flag in there if flag not in kept)


@needs_corpus
def test_public_files_are_edited_as_their_findings_say() -> None:
    applied: Counter[str] = Counter()
    for name, text in texts():
        found = improved(name, text)
        applied.update(finding.rule for finding in found.applied)
        assert {finding.rule for finding in (*found.applied, *found.left)} <= RULES.keys()
        assert not any(finding.edits for finding in found.left), name
        if not found.applied:
            assert found.text == text
            continue
        assert_same(parse(text), parse(found.text))
        again = improved(name, found.text)
        assert (again.text, again.applied) == (found.text, ()), name
        assert text.endswith("\n") == found.text.endswith("\n")
        assert [line for line in text.split("\n") if line.startswith("#")] == [
            line for line in found.text.split("\n") if line.startswith("#")
        ]
    assert applied["BG001"] > 200
    assert applied["BG004"] > 200


@needs_corpus
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_line_ends_survive(end: str) -> None:
    for name, text in texts()[::12]:
        new = improved(name, text.replace("\r\n", "\n").replace("\n", end)).text
        assert new.replace("\r\n", "").count("\n") == (new.count("\n") if end == "\n" else 0), name


_LINES = st.sampled_from(
    [
        "FROM python:3.11-slim-bookworm",
        "FROM x AS y",
        "USER app",
        "ENV PIP_NO_CACHE_DIR=1 \\\n  A=b",
        "ENV PIP_NO_CACHE_DIR 1",
        "ARG TARGETARCH",
        'SHELL ["bash", "-c"]',
        "# bakegen: ignore BG004 because of chance",
        "# bakegen: ignore",
        "ONBUILD RUN pip install a",
        "RUN pip install --no-cache-dir a",
        "RUN <<EOF\npip install a\nEOF",
        "RUN apt-get update && apt-get install -y a && rm -rf /var/lib/apt/lists/*",
        "RUN apt-get update; \\\n # b\n apt-get install a; \\\n\n rm -rf /var/lib/apt/lists/* /tmp/*; \\\n apt-get clean",
        "RUN --mount=type=cache,target=/var/cache/apt apt-get install a",
        "RUN --mount=type=cache,target=/root/.cache/pip pip install a && rm -rf ~/.cache/pip/*",
        "COPY . .",
        "",
        "\t",
        "\\",
        "RUN if",
    ]
)
_NOISE = st.text(alphabet="RUN \\\n`'\"$&;|#<>-=EOFé\r\t", max_size=6)


@settings(deadline=None)
@given(
    st.lists(st.one_of(_LINES, _NOISE), max_size=8), st.sampled_from(["\n", "\r\n", " \\\n", "\n# c\n"]), st.booleans()
)
def test_any_file_is_checked_and_its_edits_are_whole(lines: list[str], joint: str, mark: bool) -> None:
    text = ("\ufeff" if mark else "") + joint.join(["FROM python:3.11-slim-bookworm", *lines])
    found = improved("Dockerfile", text)
    try:
        before = parse(text)
    except DockerfileError:
        assert found.text == text
        return
    if found.text != text:
        assert_same(before, parse(found.text))
    again = improved("Dockerfile", found.text)
    assert (again.text, again.applied) == (found.text, ())


def test_what_cannot_be_parsed_is_one_finding() -> None:
    for text in ("", "\n", "FROM\n", "FROM a AS\n", "RUM x\n", "FROM a\nRUN <<EOF\n", "\x00"):
        found = check("Dockerfile", text)
        assert [finding.rule for finding in found] == ["BG000"]
        assert improved("Dockerfile", text).text == text


def test_a_huge_file_is_checked() -> None:
    text = "FROM python:3.11-slim-bookworm\n" + "RUN pip install a\n" * 300
    assert len(check("Dockerfile", text)) == 300
