"""What Dockerfiles take from their build context."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakegen.dockerfile.parser import DockerfileError, parse
from bakegen.dockerfile.sources import Sources, local_sources
from tests.test_dockerfile_parser import CORPUS, needs_corpus

ARGS = {"DIR": "given"}


def found(text: str, **args: str) -> Sources:
    return local_sources(parse(text), args)


def paths(text: str, **args: str) -> list[str]:
    sources = found(text, **args)
    assert not sources.unclear
    return [source.path for source in sources.named]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("COPY a b/ /c/", ["a", "b"]),
        ("COPY . .", ["."]),
        ("COPY / /x", ["."]),
        ("COPY ./a /a/../b ../c /x/", ["a", "b", "c"]),
        ('COPY ["a b", "c*", "/x"]', ["a b", "c*"]),
        ("COPY --chown=1:1 --link a /x", ["a"]),
        ("COPY --from=build a /x", []),
        ("COPY --from=alpine:3 a /x", []),
        ("COPY \"a\" 'b' /x/", ["a", "b"]),
        ("COPY <<EOF a /x/\nCOPY b /x\nEOF", ["a"]),
        ("COPY --parents src/./x /", ["src/x"]),
        ("ADD https://a.example/x git@github.com:a/b.git#main https://github.com/a/b.git c.tar.gz /x/", ["c.tar.gz"]),
        ("ADD http_server.py /x", ["http_server.py"]),
        ("RUN --mount=type=bind,source=a,target=/x ls", ["a"]),
        ("RUN --mount=src=a,target=/x ls", ["a"]),
        ("RUN --mount=target=/src ls", ["."]),
        ("RUN --mount=type=bind,from=build,source=a,target=/x ls", []),
        ("RUN --mount='type=bind,\"source=a,b\",target=/x' ls", ["a,b"]),
        ("RUN --mount=type=cache,target=/x --mount=type=secret,id=a --mount=type=tmpfs,target=/t ls", []),
        ("ONBUILD COPY a /x", ["a"]),
        ("onbuild run --mount=target=/x,source=a ls", ["a"]),
        ("ARG D=a\nCOPY $D/b ${D}c /x/", ["a/b", "ac"]),
        ("ARG DIR=a\nCOPY $DIR /x/", ["given"]),
        ("ENV DIR=a\nARG DIR\nCOPY $DIR /x/", ["a"]),
        ("ENV A=a\nENV A=b B=$A\nCOPY $A $B /x/", ["b", "a"]),
        ("ENV A a b\nCOPY x/$A /y", ["x/a b"]),
        ("ARG TOP\nCOPY $TOP /x", ["top"]),
        ("ARG TOP=own\nCOPY $TOP /x", ["own"]),
        ("ARG TARGETARCH\nCOPY bin/$TARGETARCH /x", ["bin/amd64"]),
        ("ARG D=a\nRUN --mount=type=bind,source=$D,target=/x ls", ["a"]),
        ("COPY a", []),
    ],
)
def test_sources(line: str, expected: list[str]) -> None:
    assert paths(f"ARG TOP=top\nFROM scratch\n{line}\n", **ARGS) == expected


@pytest.mark.parametrize(
    "line", ["COPY $NOPE /x", "ARG NOPE\nCOPY $NOPE /x", "COPY ${NOPE:-a} /x", "ADD $NOPE /x", "COPY ${A^^} /x"]
)
def test_what_only_the_base_may_know_is_unclear(line: str) -> None:
    sources = found(f"FROM python\nRUN true\n{line}\n")
    assert not sources.named
    assert [item.line for item in sources.unclear] == [2 + len(line.splitlines())]


def test_a_stage_inherits_what_the_one_below_has_set() -> None:
    assert paths("FROM a AS one\nARG X=x\nENV Y=y\nFROM One\nCOPY $X $Y /z/\n") == ["x", "y"]
    assert found("FROM a AS one\nENV Y=y\nFROM b\nCOPY $Y /z/\n").unclear


STAGED = """\
ARG START=base
FROM python AS base
COPY base.txt /
FROM $START AS dev
COPY dev.txt /
FROM base AS tools
COPY tools.txt /
FROM base
COPY --from=tools /x /x
RUN --mount=from=0,target=/m ls
COPY last.txt /
"""


def test_only_stages_on_the_way_to_the_target_are_needed() -> None:
    sources = found(STAGED)
    assert [s.path for s in sources.named] == ["base.txt", "dev.txt", "tools.txt", "last.txt"]
    assert [s.path for s in sources.needed().named] == ["base.txt", "tools.txt", "last.txt"]
    assert [s.path for s in sources.needed("dev").named] == ["base.txt", "dev.txt"]
    assert [s.path for s in found(STAGED, START="x").needed("DEV").named] == ["dev.txt"]


def test_onbuild_is_for_who_builds_from_it() -> None:
    text = "FROM a AS one\nONBUILD COPY x /\nFROM one\nONBUILD ADD y /\n"
    sources = found(text)
    assert [s.path for s in sources.needed().named] == ["x"]
    assert [s.path for s in sources.left_to_children] == ["y"]


@needs_corpus
def test_public_dockerfiles() -> None:
    """Every file of the corpus is read, and nearly every source can be told."""
    told = unclear = 0
    for line in (CORPUS / "dockerfiles.oracle.jsonl").read_text(encoding="utf-8").splitlines():
        path = CORPUS / json.loads(line)["file"]
        try:
            dockerfile = parse(path.read_bytes().decode(errors="replace"))
        except DockerfileError:
            continue
        sources = local_sources(dockerfile)
        told, unclear = told + len(sources.named), unclear + len(sources.unclear)
    assert told > 20 * unclear > 0


WORDS = st.sampled_from(
    [
        "COPY",
        "ADD",
        "RUN",
        "FROM",
        "ARG",
        "ENV",
        "ONBUILD",
        "--mount=",
        "type=bind,",
        "source=",
        "$A",
        "${A:-b}",
        "a=b",
        "--from=0",
        *"abAS\n\n\n ,=\"'\\[]<",
    ]
)


@given(st.lists(WORDS, max_size=30).map(" ".join) | st.text())
def test_no_text_is_a_crash(text: str) -> None:
    try:
        dockerfile = parse(f"FROM a\n{text}")
    except DockerfileError:
        return
    sources = local_sources(dockerfile)
    assert set(sources.needed().named) <= set(sources.named)
    assert all(source.path and not source.path.startswith(("/", "../")) for source in sources.named)
