"""What images take, and what they share."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from bakegen.engine.images import ImageLayer, parse_config, parse_history, parse_images
from bakegen.report.html import page
from bakegen.report.markdown import markdown
from bakegen.report.model import ImageSize
from bakegen.report.sizes import Layers, sizes, stored
from bakegen.report.text import after_build, text
from tests.reports import LAYERS, hostile, sample

#: Two images as `GET /images/NAME/history` of Docker 28.5 tells them, newest layer first.
PARENT = [
    {
        "Created": 1795466850,
        "CreatedBy": "RUN /bin/sh -c apt-get install git # buildkit",
        "Id": "<missing>",
        "Size": 36864,
    },
    {"Created": 1795466850, "CreatedBy": "ENV A=1", "Id": "<missing>", "Size": 0},
    {"Created": 1795466822, "CreatedBy": "", "Id": "<missing>", "Size": 92303360},
]
CHILD = [
    {"Created": 1795466900, "CreatedBy": "COPY stage.py /app/ # buildkit", "Id": "sha256:1", "Size": 8192},
    *PARENT,
]


def test_the_engines_history() -> None:
    parent, child = (parse_history(json.dumps(rows).encode()) for rows in (PARENT, CHILD))
    assert [layer.size for layer in child] == [92303360, 36864, 8192]
    assert child[:2] == parent
    assert (
        parse_history(b"[]") == parse_history(b"{") == parse_history(b'[{"Size": 1}]') == parse_history(b"null") == ()
    )
    assert parse_history(json.dumps([{**PARENT[0], "Size": 36865}]).encode()) != parent[1:]
    assert isinstance(parent[0], ImageLayer)


def test_the_variables_of_an_image() -> None:
    config = {"Config": {"Env": ["PATH=/bin", "PIP_NO_CACHE_DIR=1", "TOKEN=secret", "HOME=/a=b"]}}
    assert parse_config(json.dumps(config).encode()) == {"PIP_NO_CACHE_DIR": "1", "HOME": "/a=b"}
    assert parse_config(b'{"Config": {"Env": null}}') == parse_config(b"{") == parse_config(b"[]") == {}


def test_what_is_the_parents_and_what_is_its_own() -> None:
    images = {"a": [("1", 10), ("2", 5)], "b": [("1", 10), ("2", 5), ("3", 1)], "c": [("1", 10), ("9", 5), ("3", 1)]}
    found = sizes(images, {"a": [], "b": ["a"], "c": ["a"], "gone": ["a"]})
    assert found == {"a": ImageSize(15, 0), "b": ImageSize(16, 15), "c": ImageSize(16, 10)}
    assert stored(images) == 10 + 5 + 1 + 5 + 1, "a layer on another one is another layer"
    assert sizes({"b": images["b"]}, {"b": ["a"]}) == {"b": ImageSize(16, None)}


layers = st.lists(st.tuples(st.sampled_from("abc"), st.just(7)), max_size=5)


@given(st.dictionaries(st.sampled_from("xyz"), layers))
def test_sharing_saves_and_costs_nothing(images: dict[str, Layers]) -> None:
    total = sum(found.total for found in sizes(images, {}).values())
    largest = max((found.total for found in sizes(images, {}).values()), default=0)
    assert largest <= stored(images) <= total
    twice = {**images, **{f"{name}2": held for name, held in images.items()}}
    assert stored(twice) == stored(images)


def test_every_output_shows_them_or_says_that_they_are_unknown() -> None:
    line = "sizes: 4 images in 5.6 GB (11.5 GB without sharing layers); ml adds the most,"
    assert line in text(sample())
    assert any(line in told for told in after_build(sample(), "x"))
    assert "| 5.4 GB | 5.0 GB |" in markdown(sample())
    shown = page(sample())
    assert '<th scope="col">parent\'s<th' in shown
    assert "<td>5.5 GB<td>5.4 GB<td>70.0 MB" in shown
    assert "<td>190.0 MB<td>-<td>-" in shown
    assert len(LAYERS) == 4
    assert "sizes:" not in text(hostile())
    assert "Image sizes: not measured" in markdown(hostile())
    assert "Sizes of images: not measured" in page(hostile())


def test_digests_by_tag_in_full() -> None:
    rows = [
        {"Id": "sha256:1", "RepoTags": ["light-0:latest", "ghcr.io/x/y:1"]},
        {"Id": "sha256:2", "RepoTags": None},
        {"Id": "sha256:3", "RepoTags": []},
        {"Id": "sha256:4", "RepoTags": ["<none>:<none>"]},
    ]
    found = {"docker.io/library/light-0:latest": "sha256:1", "ghcr.io/x/y:1": "sha256:1"}
    assert parse_images(json.dumps(rows).encode()) == found
    assert parse_images(b"{") == parse_images(b"[7]") == parse_images(b"null") == {}
