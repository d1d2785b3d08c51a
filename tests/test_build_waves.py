"""How many targets are solved at once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bakegen.build.waves import lineages, union, waves

FAMILY = {"base": (), "ml": ("base",), "asr": ("ml",), "web": ("base",)}


def test_lineages_put_parents_first() -> None:
    found = lineages({"asr": ("ml",), "ml": ("base",), "web": ("base",)})
    assert list(found) == ["base", "ml", "asr", "web"]
    assert found["asr"] == {"asr", "ml", "base"}
    assert found["base"] == {"base"}


def test_a_loop_ends() -> None:
    assert set(lineages({"a": ("b",), "b": ("a",), "c": ("c",)})) == {"a", "b", "c"}


def test_a_deep_chain() -> None:
    chain = {str(number): (str(number - 1),) for number in range(2000, 0, -1)}
    assert len(lineages(chain)["2000"]) == 2001


def test_union() -> None:
    assert union(("asr",), lineages(FAMILY)) == {"asr", "ml", "base"}


def test_few_targets_are_one_wave() -> None:
    assert waves(("base", "asr"), lineages(FAMILY)) == (("base", "asr"),)
    assert waves((), {}) == ()


def test_linked_ancestors_count() -> None:
    lines = lineages({"base": (), **{f"i{number}": ("base",) for number in range(10)}})
    found = waves([f"i{number}" for number in range(10)], lines, limit=5, at_once=8)
    assert [len(wave) for wave in found] == [4, 4, 2]


def test_a_target_with_too_many_ancestors_stands_alone() -> None:
    lines = lineages({"0": (), **{str(number): (str(number - 1),) for number in range(1, 9)}})
    assert waves(("0", "7", "8"), lines, limit=3, at_once=3) == (("0",), ("7",), ("8",))


@given(st.dictionaries(st.integers(0, 300), st.lists(st.integers(0, 300), max_size=3), max_size=200))
def test_every_target_once_and_parents_first(raw: dict[int, list[int]]) -> None:
    parents = {str(name): tuple(str(parent) for parent in own if parent < name) for name, own in raw.items()}
    lines = lineages(parents)
    order = [name for name in lines if name in parents]
    found = waves(order, lines, limit=20, at_once=40)
    assert [name for wave in found for name in wave] == order
    place = {name: index for index, name in enumerate(lines)}
    assert all(place[parent] <= place[name] for name, line in lines.items() for parent in line)
    if len(union(order, lines)) > 40:
        assert all(len(wave) == 1 or len(union(wave, lines)) <= 20 for wave in found)
