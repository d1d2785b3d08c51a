"""YAML -> values with places: what YAML permits and a manifest does not is a problem, not a surprise."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakegen.errors import ManifestError, Problem, Where
from bakegen.family import source
from bakegen.family.scalars import resolve
from bakegen.family.source import parse
from tests.manifests import at, places


def problems_of(text: bytes) -> tuple[Problem, ...]:
    """Return the problems of a text, none when it is a tree."""
    try:
        parse(text, "m.yaml")
    except ManifestError as error:
        return error.problems
    return ()


def problem(text: str | bytes) -> Problem:
    """Return the only problem of a text."""
    (found,) = problems_of(text.encode() if isinstance(text, str) else text)
    return found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("FALSE", False),
        ("no", "no"),
        ("on", "on"),
        ("y", "y"),
        ("0", 0),
        ("-12", -12),
        ("+1", 1),
        ("0o17", 15),
        ("0x1F", 31),
        ("017", 17),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("3.10", 3.1),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1e400", math.inf),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("2026-01-01", "2026-01-01"),
        ("=", "="),
        ("1.2.3", "1.2.3"),
        ("9" * 100, int("9" * 100)),
        ("9" * 101, "9" * 101),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_plain_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    assert resolve(text) == value
    assert type(resolve(text)) is type(value)


def test_not_a_number() -> None:
    assert math.isnan(float(resolve(".NaN") or 0))


def test_quotes_and_blocks_are_text() -> None:
    data = parse(b"a: 'true'\nb: \"1\"\nc: |\n  1\nd: !!str 3\ne: ! 4\n", "m").data
    assert data == {"a": "true", "b": "1", "c": "1\n", "d": "3", "e": "4"}


_KEYS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=9)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | _KEYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(_KEYS, _VALUES, min_size=1, max_size=4))
def test_json_is_read_as_json(value: dict[str, Any]) -> None:
    """JSON is YAML: an independent writer, whose every string is in double quotes."""
    assert parse(json.dumps(value, ensure_ascii=False).encode(), "m").data == value


@given(st.binary(max_size=60))
def test_any_bytes_give_a_tree_or_problems(text: bytes) -> None:
    assert all(p.where and p.what for p in problems_of(text))


@given(st.text(st.sampled_from("ab:-[]{}&*!|>'\"%@#?, \t\n\r\x85\u2028\ufeff~<0"), max_size=40))
def test_any_text_gives_a_tree_or_problems(text: str) -> None:
    assert all(p.where and p.what for p in problems_of(text.encode()))


def test_where() -> None:
    found = parse(b"a:\n  - x\n  - key: 'v'\n\xc3\xa9\xc3\xa9: {z: 1}\n", "dir/m.yaml")
    assert found.where(("a", 1, "key")) == Where("dir/m.yaml", 3, 10)
    assert found.where(("a", 1, "key"), key=True) == Where("dir/m.yaml", 3, 5)
    assert found.where(("éé", "z")) == Where("dir/m.yaml", 4, 9)
    assert found.where(("a", 1, "missing", "more")) == Where("dir/m.yaml", 3, 5)
    assert found.where(()) == Where("dir/m.yaml", 1, 1)
    assert found.node(("a", 0)) is not None
    assert found.node(("a", 7)) is None
    assert found.node(("a", 7, "x")) is None


@pytest.mark.parametrize("text", [b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", b"a: 1\nb: 2\n", b"---\na: 1\nb: 2\n...\n"])
def test_byte_order_mark_and_line_ends(text: bytes) -> None:
    found = parse(text, "m")
    assert found.data == {"a": 1, "b": 2}
    assert found.where(("b",)).column == 4


def test_anchors_and_merges() -> None:
    text = b"x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz: {<<: [*x, *y], c: 5}\nl: [*x, *x]\nq: {'<<': 1}\n"
    found = parse(text, "m")
    assert found.data["z"] == {"a": 1, "b": 2, "c": 5}
    assert found.data["l"] == [{"a": 1, "b": 2}] * 2
    assert found.where(("z", "a")) == Where("m", 1, 11)
    assert found.where(("z", "c")) == Where("m", 3, 22)


@pytest.mark.parametrize(
    ("text", "what", "tip"),
    [
        ("§", "the file is empty", "start with"),
        ("§# only a comment\n", "the file is empty", "start with"),
        ("§null\n", "the file is empty", "start with"),
        ("§[a, b]", "the file must be a mapping of keys to values", ""),
        ("§just words\n", "the file must be a mapping of keys to values", ""),
        ("a: 1\n§a: 2\n", "the key 'a' stands here a second time", "the first is in line 1"),
        ("a: {b: 1, §b: 1}\n", "the key 'b' stands here a second time", "the first is in line 1"),
        ("1: x\n§'1': y\n", "the key '1' stands here a second time", "the first is in line 1"),
        ("a:\n§\tb: 1\n", "a tab cannot indent YAML", "indent with spaces"),
        ("a: 1\n§\tb: 1\n", "a tab cannot indent YAML", "indent with spaces"),
        ("a: &a [1, §*a]\n", "the anchor &a contains itself", "*a must not stand inside &a"),
        ("a: &a {b: {<<: §*a}}\n", "the anchor &a contains itself", "*a must not stand inside &a"),
        ("a: §*b\n", "*b refers to an anchor that does not exist", "before its alias"),
        ("a: {<<: §3}\n", "<< takes a mapping or a list of mappings", ""),
        ("a: {<<: [§x]}\n", "<< takes a mapping or a list of mappings", ""),
        ("? §[a, b]\n: 1\n", "a key must be a plain word, not a list or a mapping", ""),
        ("? §{a: b}\n: 1\n", "a key must be a plain word, not a list or a mapping", ""),
        ("a: §!!python/name:os.system x\n", "has no meaning here", "remove it"),
        ("a: §!!binary aGk=\n", "has no meaning here", "remove it"),
        ("a: 1\n§---\nb: 2\n", "a second document", "keep one family a file"),
        ("a: '\\0' §\x00", "control character U+0000", "escape in double quotes"),
        ("é: §\x1b[31m", "control character U+001B", "escape in double quotes"),
        ("a: [1, 2\nb§: 3\n", "not YAML: while parsing a flow sequence", ""),
        ("a: 'x\n§", "not YAML: while scanning a quoted scalar", ""),
        ('a: "\\q§"', "not YAML", ""),
        ('a: "\\ud800§"', "not YAML", ""),
        ("a: §%x", "not YAML", ""),
    ],
)
def test_problems_of_syntax(text: str, what: str, tip: str) -> None:
    clean, (place,) = places(text)
    found = problem(clean)
    assert what in found.what
    assert tip in found.next
    if what != "not YAML":  # the two ends of an error inside a token are libyaml's choice
        assert at(found) == place


def test_several_problems_come_in_the_order_of_lines() -> None:
    assert [at(p)[0] for p in problems_of(b"a: 1\na: {x: 1, x: 2}\nb: *c\n")] == [2, 2, 3]


def test_bytes_that_are_not_utf_8() -> None:
    found = problem(b"a: 1\nb: \xff\n")
    assert (found.what, at(found)) == ("byte 0xff is not UTF-8", (2, 4))
    assert problem("a: 1".encode("utf-16")).what == "byte 0xff is not UTF-8"


def test_a_file_that_is_too_large() -> None:
    found = problem(b"# 10 MB\n" * 1_300_000)
    assert found.what == "the file is larger than 2 MB"
    assert "right file" in found.next


def test_a_billion_laughs() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    found = problem("\n".join(lines))
    assert found.what == f"more than {source.MAX_NODES} values, aliases expanded"
    assert at(found)[0] < 10


def test_a_billion_laughs_by_merging() -> None:
    lines = ["a0: &a0 {k0: x}"]
    lines += [f"a{n}: &a{n} {{b: *a{n - 1}, c: *a{n - 1}, <<: *a{n - 1}}}" for n in range(1, 60)]
    assert "aliases expanded" in problem("\n".join(lines)).what


@pytest.mark.parametrize(
    "text", ["a: " + "[" * 200_000, "a: " + "{a: " * 200_000, "\n".join(" " * n + "a:" for n in range(999))]
)
def test_depth(text: str) -> None:
    assert problem(text).what == f"nested deeper than {source.MAX_DEPTH} levels"


def test_line_ends_of_unicode_count_as_libyaml_counts_them() -> None:
    """NEL and the line separator end a line in YAML 1.1, which libyaml reads; a tab behind one is still found."""
    assert problem("a: x\u2028\tb: 1\n").what
    assert parse("a: 'x\u2028y\x85z'\nb: 1\n".encode(), "m").data["b"] == 1
