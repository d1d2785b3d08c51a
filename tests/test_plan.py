"""The plan: selection, groups, stages; the same whatever the order of the manifest."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakegen import graph
from bakegen.errors import UsageError
from bakegen.family import Family
from bakegen.files import DiskTree
from bakegen.plan import Plan, generated_dockerfile, match
from bakegen.project import load
from bakegen.resolve import resolve
from tests.manifests import family, plan
from tests.support import ROOT

IMAGES = """\
base: {from: b}
ml: {from: base, variants: {python: ['3.11']}}
leaf: {from: ml}
other: {from: base}
gbase: {from: g}
gleaf: {from: gbase}"""
GROUPS = "groups: {leaves: ['*leaf'], all-cpu: [cpu], nested: [leaves, other], everything: {all: true}, cuda-ones: {target: cuda}}\n"


@pytest.fixture
def small(tmp_path: Path) -> Plan:
    """Return a plan of six images on two bases."""
    return plan(tmp_path, family(IMAGES, GROUPS))


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], ["base", "gbase", "gleaf", "ml-py311", "other", "leaf"]),
        (["default"], ["base", "gbase", "gleaf", "ml-py311", "other", "leaf"]),
        (["leaf"], ["leaf"]),
        (["gleaf", "base"], ["base", "gleaf"]),
        (["*leaf"], ["gleaf", "leaf"]),
        (["[bg]*"], ["base", "gbase", "gleaf"]),
        (["ml"], ["ml-py311"]),
        (["cpu"], ["base", "ml-py311", "other", "leaf"]),
        (["gpu"], ["gbase", "gleaf"]),
        (["leaves"], ["gleaf", "leaf"]),
        (["nested"], ["gleaf", "other", "leaf"]),
        (["all-cpu"], ["base", "ml-py311", "other", "leaf"]),
        (["cuda-ones", "gpu"], ["gbase", "gleaf"]),
        (["everything"], ["base", "gbase", "gleaf", "ml-py311", "other", "leaf"]),
    ],
)
def test_select(small: Plan, words: list[str], names: list[str]) -> None:
    chosen = small.select(words)
    assert sorted(chosen) == sorted(names)
    position = {name: index for index, name in enumerate(chosen)}
    assert all(
        position[parent] < position[name] for name in chosen for parent in small.parents[name] if parent in position
    )


def test_unknown_words_are_all_named(small: Plan) -> None:
    with pytest.raises(UsageError) as caught:
        small.select(["leav", "leaf", "zz*", ""])
    first, second, third = caught.value.problems
    assert first.what == "no image, group or glob 'leav' in the family f"
    assert first.next in {"did you mean leaf?", "did you mean leaves?"}
    assert second.next == third.next == "`bakegen list` shows what there is"


def test_groups_are_sorted_and_never_empty(small: Plan, tmp_path: Path) -> None:
    assert [name for name, _ in small.groups] == sorted(name for name, _ in small.groups)
    assert all(members == tuple(sorted(members)) and members for _, members in small.groups)
    only_cpu = plan(tmp_path / "cpu", family("a: {from: b}"))
    assert dict(only_cpu.groups) == {"cpu": ("a",), "default": ("a",)}


def test_a_family_may_say_what_default_is(tmp_path: Path) -> None:
    found = plan(tmp_path, family("a: {from: b}\nc: {from: a}", "groups: {default: [a]}\n"))
    assert found.select() == ("a",)


def test_stages(small: Plan) -> None:
    assert small.stages(small.select()) == (("base", "gbase"), ("gleaf", "ml-py311", "other"), ("leaf",))
    assert small.stages(["base", "leaf"]) == (("base",), ("leaf",))
    assert small.stages(["leaf", "other"]) == (("leaf", "other"),)
    assert small.stages([]) == ()


def test_lookup(small: Plan) -> None:
    assert small["leaf"].parent == "ml-py311"
    assert small.reference(small["leaf"]) == "leaf:latest"
    with pytest.raises(KeyError):
        small["ml"]


@given(st.randoms(use_true_random=False))
def test_the_order_of_the_manifest_is_no_difference(chance: random.Random) -> None:
    """Shuffled definitions, groups and labels give the same plan."""
    project = load(ROOT / "bakegen.yaml")
    data = project.manifest.source.data
    images = list(data["images"].items())
    bases = list(data["bases"].items())
    chance.shuffle(images)
    chance.shuffle(bases)
    shuffled, faults = resolve(
        Family.model_validate({**data, "images": dict(images), "bases": dict(bases)}), DiskTree(ROOT), project.lock
    )
    assert not faults
    assert shuffled is not None
    assert shuffled.images == project.plan().images
    assert shuffled.groups == project.plan().groups


def test_a_deep_chain(tmp_path: Path) -> None:
    found = plan(tmp_path, family("i0: {from: b}\n" + "\n".join(f"i{n}: {{from: i{n - 1}}}" for n in range(1, 300))))
    assert len(found.stages(found.select())) == 300
    assert [image.name for image in found.images] == [f"i{n}" for n in range(300)]


def test_a_deep_chain_of_groups(tmp_path: Path) -> None:
    groups = "groups: {g0: [a], " + ", ".join(f"g{n}: [g{n - 1}]" for n in range(1, 1200)) + "}\n"
    assert plan(tmp_path, family("a: {from: b}", groups)).select(["g1199"]) == ("a",)


def test_match() -> None:
    assert match("a*", ["ab", "b", "A"]) == ("ab",)
    assert match("[", ["[", "a"]) == ("[",)
    assert match("[!a]", ["a", "b"]) == ("b",)


def test_where_a_dockerfile_is_generated() -> None:
    assert generated_dockerfile("a") == "docker/a/Dockerfile"


_GRAPHS = st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=3, unique=True))


@given(_GRAPHS)
def test_a_graph_has_an_order_or_a_cycle(edges: dict[str, list[str]]) -> None:
    chain = graph.cycle(edges)
    if chain:
        assert chain[0] == chain[-1]
        assert all(later in edges[earlier] for earlier, later in pairwise(chain))
        return
    order = graph.order(edges)
    assert set(order) == {*edges, *(parent for parents in edges.values() for parent in parents)}
    assert all(order.index(parent) < order.index(name) for name, parents in edges.items() for parent in parents)
    assert all(set(edges.get(name, ())) <= set(graph.ancestors(name, edges)) for name in order)
