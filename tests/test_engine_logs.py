"""Pieces of output, put back into lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakegen.engine.events import Log
from bakegen.engine.logs import LONGEST, TAIL, LogLines, clean


def test_pieces_become_lines() -> None:
    lines = LogLines()
    assert lines.feed(Log("v", b"one\ntw")) == ("one",)
    assert lines.feed(Log("w", b"other\n")) == ("other",)
    assert lines.feed(Log("v", b"o\n")) == ("two",)
    assert lines.feed(Log("v", b"three")) == ()
    assert lines.flush("v") == ("three",)
    assert lines.flush("v") == ()


def test_a_character_may_be_cut() -> None:
    lines = LogLines()
    data = "größe\n".encode()
    assert lines.feed(Log("v", data[:3])) == ()
    assert lines.feed(Log("v", data[3:])) == ("größe",)


def test_streams_do_not_mix_within_a_line() -> None:
    lines = LogLines()
    lines.feed(Log("v", b"out", stream=1))
    assert lines.feed(Log("v", b"err\n", stream=2)) == ("err",)
    assert lines.feed(Log("v", b"put\n", stream=1)) == ("output",)


def test_tail() -> None:
    lines = LogLines()
    lines.feed(Log("v", b"".join(b"%d\n" % number for number in range(100)) + b"last"))
    assert lines.tail("v") == (*(str(number) for number in range(100 - TAIL + 1, 100)), "last")
    lines.forget("v")
    assert lines.tail("v") == ()


def test_a_line_without_an_end_does_not_grow_for_ever() -> None:
    lines = LogLines()
    assert lines.feed(Log("v", b"x" * (LONGEST + 1))) == ("x" * (LONGEST + 1),)
    assert lines.feed(Log("v", b"y\n")) == ("y",)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"plain", "plain"),
        (b"windows\r", "windows"),
        (b" 10%\r 50%\r100%", "100%"),
        (b"\x1b[31mred\x1b[0m", "red"),
        (b"\x1b]0;title\x07text", "text"),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"bell\x07 back\x08 null\x00", "bell back null"),
        (b"tab\tstays", "tab\tstays"),
        (b"\xff", "�"),
        (b"", ""),
        (b"\r", ""),
    ],
)
def test_clean(raw: bytes, text: str) -> None:
    assert clean(raw) == text


@given(st.binary())
def test_nothing_clean_moves_a_cursor(raw: bytes) -> None:
    assert all(
        char == "\t" or char.isprintable() or not (ord(char) < 32 or 127 <= ord(char) < 160) for char in clean(raw)
    )


@given(st.lists(st.binary(max_size=20)), st.integers(1, 7))
def test_however_it_is_cut_the_lines_are_the_same(parts: list[bytes], at: int) -> None:
    data = b"\n".join(parts) + b"\n"
    whole, cut = LogLines(), LogLines()
    expected = whole.feed(Log("v", data))
    pieces = [cut.feed(Log("v", data[start : start + at])) for start in range(0, len(data), at)]
    assert tuple(line for piece in pieces for line in piece) == expected
