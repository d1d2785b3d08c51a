"""Which tags a pattern takes, and which of them is the newest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakegen.family.tags import newest, version_in

CUDA = "12.1.*-cudnn8-runtime-ubuntu22.04"


@pytest.mark.parametrize(
    ("pattern", "tag", "version"),
    [
        (CUDA, "12.1.1-cudnn8-runtime-ubuntu22.04", ((1,),)),
        (CUDA, "12.1.1-cudnn8-devel-ubuntu22.04", None),
        (CUDA, "12.2.1-cudnn8-runtime-ubuntu22.04", None),
        ("3.*-slim", "3.13-slim", ((13,),)),
        ("3.*-slim", "3.13.1-slim", ((13, 1),)),
        ("3.*-slim", "3.14-rc-slim", None),
        ("3.*-slim", "3.-slim", None),
        ("*-ubuntu*", "12.4.1-ubuntu22.04", ((12, 4, 1), (22, 4))),
        ("*", "latest", None),
        ("*", "3.11", ((3, 11),)),
        ("3.*", "3x1", None),
        ("1.*", "1.٣", None),
    ],
)
def test_version_in(pattern: str, tag: str, version: object) -> None:
    assert version_in(pattern, tag) == version


@pytest.mark.parametrize(
    ("pattern", "current", "tags", "expected"),
    [
        ("3.*-slim", "3.9-slim", ["3.10-slim", "3.11-slim", "3.8-slim"], "3.11-slim"),
        ("3.*-slim", "3.11-slim", ["3.13.1-slim", "3.12"], "3.11-slim"),
        ("3.*-slim", "3.11.2-slim", ["3.13-slim", "3.11.10-slim"], "3.11.10-slim"),
        ("*", "2", ["10", "9", "007"], "10"),
        ("*", "2", [], "2"),
        ("1.*", "1.2", ["1.02", "1.1"], "1.2"),
    ],
)
def test_newest(pattern: str, current: str, tags: list[str], expected: str) -> None:
    assert newest(pattern, current, tags) == expected


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1))
def test_the_newest_is_the_greatest_and_order_does_not_matter(versions: list[tuple[int, int]]) -> None:
    tags = [f"{major}.{minor}-x" for major, minor in versions]
    greatest = max(versions)
    expected = f"{greatest[0]}.{greatest[1]}-x"
    assert newest("*-x", tags[0], tags) == newest("*-x", tags[0], reversed(tags)) == expected
