"""Variants: the rules of a GitHub Actions matrix."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bakegen.family import Family
from bakegen.family.expand import Variant, expand


def variants(**image: Any) -> tuple[Variant, ...]:  # noqa: ANN401 - fields of an image, as in YAML
    """Return the variants of one image."""
    data = {"version": 1, "family": "f", "bases": {"b": "python:3.11"}, "images": {"a": {"from": "b", **image}}}
    return expand(Family.model_validate(data))


def names(**axes: Any) -> list[str]:  # noqa: ANN401 - see above
    """Return the names of the variants of one image."""
    return [variant.name for variant in variants(variants=axes)]


def test_without_variants() -> None:
    (only,) = variants(target="cpu")
    assert (only.name, only.origin, only.axes) == ("a", "a", ())
    assert only.axis("target") == "cpu"
    assert only.axis("cuda") is None


def test_one_axis() -> None:
    assert names(target=["cpu", "cuda"]) == ["a-cpu", "a-cuda"]
    assert names(cuda="12.1") == ["a-cu121"]
    assert names(python=["3.11", "3.12"]) == ["a-py311", "a-py312"]


def test_product_in_the_order_of_the_axes() -> None:
    assert names(python=["3.11", "3.12"], cuda=["12.1", "12.4"]) == [
        "a-cu121-py311",
        "a-cu121-py312",
        "a-cu124-py311",
        "a-cu124-py312",
    ]


def test_exclude_matches_what_it_names() -> None:
    axes = {"cuda": ["12.1", "12.4"], "python": ["3.11", "3.12"]}
    assert names(**axes, exclude=[{"cuda": "12.4", "python": "3.11"}]) == [
        "a-cu121-py311",
        "a-cu121-py312",
        "a-cu124-py312",
    ]
    assert names(**axes, exclude={"cuda": "12.4"}) == ["a-cu121-py311", "a-cu121-py312"]
    assert len(names(**axes, exclude=[{}, {"target": "cpu"}])) == 4
    assert names(**axes, exclude=[{"cuda": "12.1"}, {"cuda": "12.4"}]) == []


def test_include_adds_fields_where_it_matches() -> None:
    found = variants(
        description="all",
        variants={
            "target": ["cpu", "cuda"],
            "include": [{"target": "cuda", "description": "gpu", "apt": ["x"]}, {"env": {"A": "1"}}],
        },
    )
    assert [(v.name, v.fields.description, v.fields.apt, v.fields.env) for v in found] == [
        ("a-cpu", "all", (), {"A": "1"}),
        ("a-cuda", "gpu", ("x",), {"A": "1"}),
    ]


def test_include_that_matches_nothing_is_one_more() -> None:
    assert names(target="cpu", include={"target": "cuda", "cuda": "12.1"}) == ["a-cpu", "a-cuda-cu121"]
    assert names(include=[{"python": "3.12"}]) == ["a-py312"]
    assert names(include=[{"description": "no axis"}]) == []
    assert names() == []


def test_axes_reach_the_fields() -> None:
    (found,) = variants(torch={"version": "2.1.2"}, variants={"cuda": "12.1", "python": "3.12", "target": "cuda"})
    assert found.fields.torch is not None
    assert found.fields.torch.cuda == "12.1"
    assert (found.fields.python, found.fields.target) == ("3.12", "cuda")
    assert [found.axis(axis) for axis in ("target", "cuda", "python")] == ["cuda", "12.1", "3.12"]


def test_every_kind_of_field_survives_a_merge() -> None:
    """A variant is validated again: what the models hold must be what they take."""
    (found,) = variants(
        secrets=[{"id": "x", "env": "E"}],
        run=[{"command": "x", "cache": {"target": "/x"}}, "y"],
        copy=["f", {"src": "g", "dest": "/g"}],
        cache={"pip": {"id": "x"}},
        labels={"a": "b"},
        platforms="linux/amd64",
        variants={"target": "cpu", "include": {"unfreeze": "x", "user": "app"}},
    )
    assert [run.command for run in found.fields.run] == ["x", "y"]
    assert found.fields.user == "app"
    assert found.fields.secrets[0].env == "E"


@given(
    st.lists(st.sampled_from(["cpu", "cuda"]), unique=True),
    st.lists(st.sampled_from(["11.8", "12.1", "12.4"]), unique=True),
    st.lists(st.sampled_from(["3.10", "3.11", "3.12"]), unique=True),
)
def test_names_are_unique_and_as_many_as_the_product(target: list[str], cuda: list[str], python: list[str]) -> None:
    found = names(target=target, cuda=cuda, python=python)
    axes = [axis for axis in (target, cuda, python) if axis]
    size = 1
    for axis in axes:
        size *= len(axis)
    assert len(found) == len(set(found)) == (size if axes else 0)
