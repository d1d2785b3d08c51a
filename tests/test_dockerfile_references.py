"""Dockerfiles -> the images they need from outside, and where their references can be replaced."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakegen.dockerfile.parser import DockerfileError, parse
from bakegen.dockerfile.references import External, Unclear, externals


def found(text: str, platform: str = "linux/amd64", **args: str) -> tuple[External, ...]:
    """Return the external images of a Dockerfile in which all are clear; each span holds what it says."""
    images, unclear = externals(parse(text), args, platform)
    assert not unclear
    assert all(i.span is None or text[slice(*i.span)] == i.written for i in images)
    return images


def written(text: str, platform: str = "linux/amd64", **args: str) -> list[str]:
    return [image.written for image in found(text, platform, **args)]


def unclear(text: str, **args: str) -> Unclear:
    """Return the only reference that cannot be told."""
    images, (only,) = externals(parse(text), args)
    assert not images
    return only


def test_a_literal_reference() -> None:
    text = "# why\nFROM --platform=linux/arm64 python:3.11-slim AS build\n"
    assert found(text) == (External("python:3.11-slim", "from", "linux/arm64", 2, 29, (34, 50)),)
    assert text[34:50] == "python:3.11-slim"


def test_every_kind_in_the_order_of_the_file() -> None:
    text = (
        "# syntax=docker/dockerfile:1.7 stable\n"
        "FROM python:3.11 AS build\n"
        "COPY --from=ghcr.io/astral-sh/uv:0.5 /uv /bin/uv\n"
        "RUN --mount=type=bind,from=alpine,target=/a --mount=type=cache,target=/b,FROM=busybox:1 true\n"
        "FROM debian:12\n"
        "COPY --from=build /x /x\n"
    )
    assert [(i.written, i.kind, i.line, i.column) for i in found(text)] == [
        ("docker/dockerfile:1.7", "syntax", 1, 10),
        ("python:3.11", "from", 2, 6),
        ("ghcr.io/astral-sh/uv:0.5", "copy", 3, 13),
        ("alpine", "mount", 4, 28),
        ("busybox:1", "mount", 4, 79),
        ("debian:12", "from", 5, 6),
    ]
    assert all(i.span for i in found(text))


@pytest.mark.parametrize(
    "text",
    [
        "FROM scratch\n",
        "FROM scratch AS a\nFROM a\nFROM a AS B\nFROM B\nFROM b\n",
        "FROM scratch AS A\nCOPY --from=a x y\nCOPY --from=A x y\nCOPY --from=0 x y\nCOPY --from=scratch x y\n",
        "FROM scratch\nCOPY --from=later x y\nFROM scratch AS later\n",
        "FROM scratch AS a\nRUN --mount=from=A,target=/x --mount=from=scratch,target=/y --mount=type=cache,target=/z x\n",
        "FROM scratch\nONBUILD COPY --from=alpine x y\nONBUILD RUN --mount=from=alpine x\n",
        "FROM scratch\nADD https://example.org/x y\nCOPY --from= x y\n",
        "FROM scratch\nRUN echo --mount=from=alpine\n",
    ],
)
def test_nothing_external(text: str) -> None:
    assert found(text) == ()


def test_a_stage_shadows_an_image_only_behind_it() -> None:
    assert written("FROM alpine AS alpine\nFROM alpine\n") == ["alpine"]
    assert written("FROM a\nFROM scratch AS a\nFROM a\n") == ["a"]


@pytest.mark.parametrize(
    ("head", "base", "expected", "place", "arg"),
    [
        ("ARG B=python:3", "${B}", "python:3", "python:3", "B"),
        ("ARG B=python:3", "$B", "python:3", "python:3", "B"),
        ('ARG B="python:3"', '"$B"', "python:3", "python:3", "B"),
        ("ARG A=1 B='python:3'", "$B", "python:3", "python:3", "B"),
        ("ARG B=python:2\nARG B=python:3", "$B", "python:3", "python:3", "B"),
        ("ARG B=python:3\nARG B", "$B", "python:3", "python:3", "B"),
        ("ARG A=python:3\nARG B=${A}", "$B", "python:3", "python:3", "A"),
        ("ARG V=3", "python:$V", "python:3", None, None),
        ("ARG V=3\nARG B=python:$V", "$B", "python:3", None, None),
        ("ARG B=pyth\\on:3", "$B", "python:3", None, None),
        ("ARG B=python:3", "${B:-x}", "python:3", None, None),
        ("ARG B", "${B:-python:3}", "python:3", None, None),
        ("ARG B=", "${B-python}:3", ":3", None, None),
    ],
)
def test_the_place_of_a_reference_is_the_default_it_comes_from(
    head: str, base: str, expected: str, place: str | None, arg: str | None
) -> None:
    text = f"{head}\nFROM {base}\n"
    images, rest = externals(parse(text))
    if expected == ":3":
        assert not images
        return
    assert not rest
    (image,) = images
    assert (image.written, image.arg) == (expected, arg)
    assert (image.span and text[slice(*image.span)]) == place
    assert image.span is None or image.span[0] == text.rindex("python:3", 0, text.index("FROM"))


def test_arguments_given_win_where_an_arg_is_declared() -> None:
    text = "ARG B=python:3\nFROM $B\n"
    (image,) = found(text, B="python:4", C="x")
    assert (image.written, image.span, image.arg) == ("python:4", None, None)
    assert written("ARG B\nFROM $B\n", B="python:4") == ["python:4"]
    assert written("ARG A=x\nARG B=python:$A\nFROM $B\n", A="y") == ["python:y"]
    assert unclear("FROM $B\n", B="python:4").why == "no ARG B stands before the first FROM"
    assert unclear("FROM scratch\nARG B=x\nFROM $B\n", B="python:4").text == "$B"


def test_the_text_of_a_variable_does_not_matter_where_it_is_not_used() -> None:
    assert written("ARG X=${\nARG Y='\nFROM a\n") == ["a"]
    assert unclear("ARG X=${Y^^}\nFROM a:$X\n").why == "ARG X: ${Y^...} is no substitution that BuildKit knows"


def test_arguments_that_double_each_other() -> None:
    lines = ["ARG A0=aaaaaaaaaaaaaaaa", *(f"ARG A{n}=$A{n - 1}$A{n - 1}" for n in range(1, 60)), "FROM $A59"]
    assert unclear("\n".join(lines)).why == "ARG A13: its variables bring in more than 65536 characters"


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("a:${X}", "a:1.2.3"),
        ("a:${X:-w}", "a:1.2.3"),
        ("a:${N:-w}", "a:w"),
        ("a:${N-w}", "a:w"),
        ("a:${E:-w}", "a:w"),
        ("a${E-w}", "a"),
        ("a${E:+w}", "a"),
        ("a:${X:+w}", "a:w"),
        ("a:w${E+x}", "a:wx"),
        ("a${N+w}", "a"),
        ("a:${X:?no}", "a:1.2.3"),
        ("a:${N:-${M:-$X}}", "a:1.2.3"),
        ("a:${X#*.}", "a:2.3"),
        ("a:${X##*.}", "a:3"),
        ("a:${X%.*}", "a:1.2"),
        ("a:${X%%.*}", "a:1"),
        ("a:${X%.?}", "a:1.2"),
        ("a:${X/./-}", "a:1-2.3"),
        ("a:${X//./-}", "a:1-2-3"),
        ("a:${X//*/r}", "a:r"),
        ("a:${X#nothing}", "a:1.2.3"),
        ("a:\\b", "a:b"),
        ("'a:b'", "a:b"),
        ('"a:$X"', "a:1.2.3"),
        ("a$N", "a"),
    ],
)
def test_expansion(base: str, expected: str) -> None:
    assert written(f"ARG X=1.2.3\nARG E=\nARG N\nFROM {base}\n") == [expected]


@pytest.mark.parametrize(
    ("base", "why"),
    [
        ("$N", "ARG N has no value: give it a default, or a value to the build"),
        ("a:$N", "ARG N has no value: give it a default, or a value to the build"),
        ("a:$D", "ARG N has no value: give it a default, or a value to the build"),
        ("a:${M}", "no ARG M stands before the first FROM"),
        ("${N:?say}", "N: say"),
        ("${N", "is no substitution that BuildKit knows"),
        ("${N:-x", "} is missing"),
        ("${X%\\a}", "\\a is no escape in a pattern"),
        ("${X#****}", "a pattern here has at most 3 *"),
        ("${X//a/\\$b}", "a meaning of its own"),
        ("${}", "bad substitution"),
        ("${N^^}", "${N^...} is no substitution that BuildKit knows"),
        ("${N:#x}", "${N:...} is no substitution that BuildKit knows"),
        ("${N:zx}", "${N:z...} is no substitution that BuildKit knows"),
        ("'a", "a single quote is not closed"),
        ('"a', "a double quote is not closed"),
        ("Alpine", "'Alpine' is not an image reference: names are lower case"),
        ("'$D'", "'$D' is not an image reference"),
    ],
)
def test_what_cannot_be_told(base: str, why: str) -> None:
    only = unclear(f"ARG N\nARG D=$N\nARG X=abc\nFROM {base}\n")
    assert why in only.why
    assert (only.text, only.line, only.column) == (base, 4, 6)


def test_only_from_expands() -> None:
    expected = "variables are not expanded here: name a stage, and expand them in its FROM"
    for line in ("COPY --from=python:$V x y", "RUN --mount=from=python:$V,target=/x true"):
        only = unclear(f"ARG V=3\nFROM scratch\n{line}\n")
        assert (only.why, only.line) == (expected, 3)
    assert "not its number" in unclear("FROM scratch\nRUN --mount=from=0,target=/x true\n").why


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ("linux/amd64", "a:linux-amd64-"),
        ("linux/arm64", "a:linux-arm64-"),
        ("linux/arm64/v8", "a:linux-arm64-"),
        ("linux/arm/v7", "a:linux-arm-v7"),
        ("linux/x86_64", "a:linux-amd64-"),
    ],
)
def test_the_platform_has_variables(platform: str, expected: str) -> None:
    text = "FROM --platform=$BUILDPLATFORM a:$TARGETOS-$TARGETARCH-$TARGETVARIANT\n"
    (image,) = found(text, platform)
    assert (image.written, image.platform) == (expected, platform.replace("/v8", "").replace("x86_64", "amd64"))
    assert written("FROM a:$TARGETSTAGE\nFROM scratch AS end\n") == ["a:end"]
    assert "--platform=$NO is empty" in unclear("FROM --platform=$NO a\n").why


def test_places_across_continuations_and_quotes() -> None:
    text = '\ufeff# escape=`\r\nFROM `\r\n  # a comment\r\n  "python:3.11" `\r\n\r\n  AS x\r\nCOPY --from="al`\r\npine" a b\r\n'
    python, alpine = found(text)
    assert (python.line, python.column, python.kind) == (4, 4 - 1, "from")
    assert python.span
    assert text[slice(*python.span)] == "python:3.11"
    assert (alpine.written, alpine.span) == ("alpine", None)


def test_a_mount_is_csv() -> None:
    text = 'FROM scratch\nRUN --mount=type=bind,\\"source=a,b\\",from=alpine:3 true\n'
    assert written(text) == ["alpine:3"]
    assert "CSV" in unclear('FROM scratch\nRUN --mount=a\\"b,from=alpine true\n').why


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("FROM\n", "line 1, column 5: FROM takes an image"),
        ("FROM a b\n", "line 1, column 6: FROM takes an image"),
        ("FROM a AZ b\n", "line 1, column 6: FROM takes an image"),
        ("FROM a AS 1b\n", "line 1, column 11: '1b' cannot name a stage"),
    ],
)
def test_a_from_that_buildkit_rejects(text: str, what: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        externals(parse(text))
    assert str(caught.value).startswith(what)


def test_syntax_behind_a_shebang() -> None:
    assert written("#!/usr/bin/env docker\n# syntax = docker/dockerfile:1\nFROM scratch\n") == ["docker/dockerfile:1"]


_BASES = st.text(st.sampled_from("ab:/.$X{}-+?#%'\"\\ 1*"), min_size=1, max_size=20)


@given(_BASES, _BASES, st.none() | _BASES)
def test_any_reference_is_found_or_unclear(default: str, base: str, given: str | None) -> None:
    text = f"ARG X={default}\nFROM {base}\nCOPY --from={base} x y\nRUN --mount=from={base},{default} x\n"
    try:
        images, rest = externals(parse(text), {} if given is None else {"X": given})
    except DockerfileError:
        return
    assert all(text[slice(*i.span)] == i.written for i in images if i.span)
    assert all(r.why for r in rest)
