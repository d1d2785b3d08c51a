"""YAML that is written for people reads back as what it was made of."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bakegen.adopt.yaml_text import WIDTH, flow, scalar, yaml_lines
from bakegen.family.source import parse

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    ["no", "Yes", "1.10", "0o17", "0x1f", "1e5", "12:30", "~", "null", "<<", "=", "- a", "a: b", "a #b", "#", "*x", "&x", "!t", "%d", "@a",
     "|", ">", "a\n", "a\nb", " a\nb", "a\n\n", "a \nb", "\n", "\t", "\u2028", "\x85", "\ufeff", "\x7f", "'", '"', "\\", "{", "[", ",", "?"]
)  # fmt: skip
VALUES = st.recursive(
    TEXT | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(TEXT.filter(lambda key: len(key) < 99), inner, max_size=4)
    ),
    max_leaves=12,
)
MAPPINGS = st.dictionaries(TEXT, VALUES, min_size=1, max_size=4)


@given(MAPPINGS)
@example({"k" * WIDTH: []})
@example({"k" * WIDTH: {"x": {}}})
def test_what_is_written_is_read(value: dict[str, Any]) -> None:
    text = "\n".join(yaml_lines(value)) + "\n"
    assert parse(text.encode(), "x").data == value


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("docker/base/Dockerfile", "docker/base/Dockerfile"),
        ("ghcr.io/x/y:1.2", "ghcr.io/x/y:1.2"),
        ("CPU build (amd64 only).", "CPU build (amd64 only)."),
        ("true", '"true"'),
        ("3.10", '"3.10"'),
        ("a: b", '"a: b"'),
        ("${x}", '"${x}"'),
        ("", '""'),
        ("a\x1bb\u2028", '"a\\x1bb\\u2028"'),
        ("\U000e0001", '"\\U000e0001"'),
    ],
)
def test_scalars(text: str, written: str) -> None:
    assert scalar(text) == written


def test_what_fits_stands_in_a_line() -> None:
    value = {"a": {"tags": ["x:1"], "target": "", "pull": False}, "e": {}, "l": []}
    assert list(yaml_lines(value)) == ['a: { tags: [x:1], target: "", pull: false }', "e: {}", "l: []"]
    long = {
        "entries": [{"type": "registry", "ref": "r" * WIDTH}, {"type": "gha"}],
        "script": "FROM a\nRUN b\n",
        "s": "a\nb",
    }
    assert list(yaml_lines(long)) == [
        *("entries:", "  - type: registry", f"    ref: {'r' * WIDTH}", "  - { type: gha }"),
        *("script: |", "  FROM a", "  RUN b", "s: |-", "  a", "  b"),
    ]
    assert flow({"a": ["b", True]}) == "{ a: [b, true] }"
