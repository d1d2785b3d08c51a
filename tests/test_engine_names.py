"""The names of steps."""

from __future__ import annotations

import pytest

from bakegen.engine.names import StepName, parse_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("[asr 2/5] RUN make", StepName("asr", "RUN make", "", 2, 5)),
        ("[asr builder 2/5] RUN make", StepName("asr", "RUN make", "builder", 2, 5)),
        (
            "[asr linux/arm64 builder 2/5] COPY a b",
            StepName("asr", "COPY a b", "builder", 2, 5, platform="linux/arm64"),
        ),
        ("[asr linux/arm/v7 2/5] COPY a b", StepName("asr", "COPY a b", "", 2, 5, platform="linux/arm/v7")),
        ("[asr internal] load .dockerignore", StepName("asr", "load .dockerignore", internal=True)),
        ("[asr] exporting to image", StepName("asr", "exporting to image")),
        ("[asr auth] library/python:pull", StepName("asr", "library/python:pull", "auth")),
        ("exporting to image", StepName("", "exporting to image")),
        ("[asr 2/5] RUN [ -f x ] || y", StepName("asr", "RUN [ -f x ] || y", "", 2, 5)),
        ("[unclosed", StepName("", "[unclosed")),
        ("", StepName("", "")),
    ],
)
def test_several_targets(name: str, expected: StepName) -> None:
    assert parse_name(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("[2/5] RUN make", StepName("asr", "RUN make", "", 2, 5)),
        ("[builder 2/5] RUN make", StepName("asr", "RUN make", "builder", 2, 5)),
        ("[linux/amd64 2/5] RUN make", StepName("asr", "RUN make", "", 2, 5, platform="linux/amd64")),
        ("[internal] load build context", StepName("asr", "load build context", internal=True)),
        ("exporting to image", StepName("asr", "exporting to image")),
    ],
)
def test_one_target(name: str, expected: StepName) -> None:
    assert parse_name(name, "asr") == expected


def test_counted_and_exports() -> None:
    assert parse_name("[a 2/5] RUN make").counted
    assert not parse_name("[a 1/5] FROM python").counted
    assert not parse_name("[a] exporting to image").counted
    assert parse_name("[a] exporting to image").exports
    assert parse_name("[a] pushing example.com/a with docker").exports
    assert not parse_name("[a 2/5] RUN exporting to x").exports
