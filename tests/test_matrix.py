"""Matrices of GitHub Actions: stages, limits, outputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bakegen.ci import matrix
from bakegen.errors import UsageError
from bakegen.project import load
from tests.manifests import family, plan
from tests.support import ROOT


def test_the_reference_family() -> None:
    found = load(ROOT / "bakegen.yaml").plan()
    stages = matrix.stages(found, found.select())
    assert [len(stage) for stage in stages] == [2, 7, 6]
    assert [cell.images for cell in stages[0]] == [("base",), ("base-cuda",)]
    assert {cell.target for cell in stages[2]} == {"cuda"}
    done: set[str] = set()
    for stage in stages:
        for cell in stage:
            assert all(parent in done for name in cell.images for parent in found.parents[name])
        done |= {name for cell in stage for name in cell.images}
    assert done == {image.name for image in found.images}


def test_a_selection_leaves_out_what_it_stands_on() -> None:
    found = load(ROOT / "bakegen.yaml").plan()
    (stage,) = matrix.stages(found, ["asr", "demux"])
    assert [cell.to_dict() for cell in stage] == [
        {"name": "demux", "images": "demux", "target": "cpu"},
        {"name": "asr", "images": "asr", "target": "cuda"},
    ]


@pytest.mark.parametrize(("count", "limit"), [(10, 256), (10, 10), (10, 3), (10, 2), (257, 256), (700, 256), (1000, 2)])
def test_no_stage_has_more_jobs_than_allowed(tmp_path: Path, count: int, limit: int) -> None:
    lines = [f"i{n}: {{from: {'g' if n % 3 else 'b'}}}" for n in range(count)]
    found = plan(tmp_path, family("\n".join(lines)))
    (stage,) = matrix.stages(found, found.select(), max_jobs=limit)
    assert len(stage) <= limit
    assert sorted(name for cell in stage for name in cell.images) == sorted(f"i{n}" for n in range(count))
    assert all(found[name].target == cell.target for cell in stage for name in cell.images)
    sizes = [len(cell.images) for cell in stage]
    assert max(sizes) <= -(-count // limit) * 2


def test_a_cell_of_several_images(tmp_path: Path) -> None:
    found = plan(tmp_path, family("a: {from: b}\nc: {from: b}\nd: {from: b}"))
    (stage,) = matrix.stages(found, found.select(), max_jobs=2)
    assert [cell.to_dict()["name"] for cell in stage] == ["a +1", "d"]
    assert stage[0].to_dict()["images"] == "a c"


def test_json_and_outputs(tmp_path: Path) -> None:
    found = plan(tmp_path, family("a: {from: b}\nc: {from: a}"))
    stages = matrix.stages(found, found.select())
    value = matrix.to_json(stages)
    outputs = matrix.github_outputs(stages, stages_in_workflow=2)
    lines = dict(line.split("=", 1) for line in outputs.splitlines())
    assert list(lines) == ["stage1", "stage2"]
    assert {"stages": [json.loads(text) for text in lines.values()]} == value


def test_no_stage_no_output() -> None:
    assert matrix.github_outputs((), stages_in_workflow=4) == ""


def test_too_many_stages(tmp_path: Path) -> None:
    found = plan(tmp_path, family("a: {from: b}\nc: {from: a}"))
    with pytest.raises(UsageError, match="builds in 2 stages, the workflow has 1") as caught:
        matrix.github_outputs(matrix.stages(found, found.select()), stages_in_workflow=1)
    assert "--stages 2" in caught.value.problems[0].next


def test_outputs_that_are_too_large() -> None:
    cells = tuple(matrix.Cell((f"{'x' * 120}{n}",), "cpu") for n in range(4000))
    with pytest.raises(UsageError, match="GitHub takes 1 MB a job"):
        matrix.github_outputs((cells,), stages_in_workflow=1)
