"""GitHub Actions workflows -> the builds of their steps: those of ``run``, and docker/build-push-action.

Syntax: https://docs.github.com/actions/reference/workflow-syntax-for-github-actions
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any

from bakegen.adopt.calls import Options, builds, described, placed
from bakegen.adopt.model import Call, Found, Use
from bakegen.adopt.shell import commands
from bakegen.adopt.shell_words import Script
from bakegen.adopt.variables import known, left_open
from bakegen.errors import ManifestError, Problem, Where
from bakegen.family.source import Source, parse
from bakegen.tree import Tree

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}", re.DOTALL)
_MAX_JOBS = 256  # what GitHub makes of one matrix


def read_workflow(
    path: str, files: Sequence[str], tree: Tree, read: Callable[[str], str | None], given: Mapping[str, str]
) -> Found:
    """Return the builds of a workflow; variables that are ``given`` have these values where it sets none."""
    text = (tree.text(path) if tree.kind(path) == "file" else None) or ""
    if not re.search(r"docker|podman|buildah", text):
        return Found()
    try:
        source = parse(text.encode(), path, empty="it has no jobs")
    except ManifestError as error:
        problem = error.problems[0]
        return Found(notes=(Problem(f"not understood: {problem.what}", problem.where or Where(path)),))
    return _Workflow(source, files, tree, read).read(given)


class _Workflow:
    def __init__(self, source: Source, files: Sequence[str], tree: Tree, read: Callable[[str], str | None]) -> None:
        self.source, self.files, self.tree, self.get = source, files, tree, read
        self.calls: dict[Call, None] = {}
        self.uses: dict[Use, None] = {}
        self.notes: dict[Problem, None] = {}

    def read(self, given: Mapping[str, str]) -> Found:
        jobs = self.source.data.get("jobs")
        env = {**given, **_texts(self.source.data.get("env"))}
        for name, job in jobs.items() if isinstance(jobs, dict) else ():
            if isinstance(job, dict) and isinstance(job.get("steps"), list):
                for axes in _matrix(job.get("strategy")):
                    self.job(name, job, {**env, **_texts(job.get("env"))}, axes)
        return Found(tuple(self.calls), tuple(self.uses), tuple(self.notes))

    def job(self, name: str, job: Mapping[str, Any], env: Mapping[str, str], axes: Mapping[str, str]) -> None:
        for index, step in enumerate(job["steps"]):
            if not isinstance(step, dict):
                continue
            scope = {**env, **_texts(step.get("env"))}
            values = {**{f"env.{key}": value for key, value in scope.items()}, **axes}
            if isinstance(step.get("run"), str):
                self.run(("jobs", name, "steps", index, "run"), step, scope, values)
            elif re.match(r"docker/build-push-action@", str(step.get("uses", ""))):
                given = step.get("with")
                where = self.source.where(("jobs", name, "steps", index, "uses"))
                self.action({k: _filled(v, values) for k, v in _texts(given).items()}, where)

    def run(
        self, loc: tuple[str | int, ...], step: Mapping[str, Any], env: Mapping[str, str], values: Mapping[str, str]
    ) -> None:
        where = self.source.where(loc)
        node = self.source.node(loc)
        line = where.line + (1 if node and not node.plain and "\n" in node.raw else 0)
        filled = {name: _filled(text, values) for name, text in env.items()}
        script = Script(self.source.path, _filled(step["run"], values), line, filled)
        directory = _filled(str(step.get("working-directory", "")), values)
        script = Script(script.path, script.text, line, filled, f"//{directory}" if directory else "//")
        self.take(builds(commands(script, self.files, self.get), self.tree))

    def take(self, found: Found) -> None:
        self.calls |= dict.fromkeys(found.calls)
        self.uses |= dict.fromkeys(found.uses)
        self.notes |= dict.fromkeys(found.notes)

    def action(self, given: Mapping[str, str], where: Where) -> None:
        """Take a step of docker/build-push-action: https://github.com/docker/build-push-action#inputs."""
        context, file = given.get("context", "."), given.get("file", "")
        if not known(context + file):
            what = "a build whose files depend on what is known only when the workflow runs"
            self.notes[Problem(what, where)] = None
            return
        place = placed("//", "", context, file, self.tree)
        if place is None or any(part.startswith("..") for part in place):
            self.notes[Problem(f"a build of {file or context}, which is not in this project", where)] = None
            return
        found = Options(tag=_lines(given.get("tags", "")), arg=_lines(given.get("build-args", ""), commas=False))
        found.stage = [given["target"]] if given.get("target") else []
        found.platform = _lines(given.get("platforms", ""))
        found.lost = [name for name in ("build-contexts", "network", "ssh", "secrets", "labels") if given.get(name)]
        call, notes = described(where, place, found)
        self.take(Found((call,), (), tuple(notes)))


def _texts(value: Any) -> dict[str, str]:  # noqa: ANN401 - what a file holds
    """Return the scalars of a mapping as texts."""
    pairs = value.items() if isinstance(value, dict) else ()
    return {k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in pairs if isinstance(v, (str, int, float))}


def _lines(text: str, *, commas: bool = True) -> list[str]:
    parts = re.split(r"[\n,]" if commas else r"\n", text)
    return [part.strip() for part in parts if part.strip()]


def _filled(value: str, values: Mapping[str, str]) -> str:
    """Return a text with its expressions replaced as far as they are known."""

    def one(match: re.Match[str]) -> str:
        found = values.get(match[1])
        return left_open(match[1]) if found is None else found

    return _EXPRESSION.sub(one, _EXPRESSION.sub(one, value))


def _matrix(strategy: Any) -> Iterator[dict[str, str]]:  # noqa: ANN401 - what a file holds
    """Yield what ``matrix.NAME`` stands for, job by job, as far as the matrix is written there."""
    matrix = strategy.get("matrix") if isinstance(strategy, dict) else None
    if not isinstance(matrix, dict):
        yield {}
        return
    axes = {n: v for n, v in matrix.items() if isinstance(v, list) and n not in {"include", "exclude"}}
    include = [entry for entry in matrix.get("include") or [] if isinstance(entry, dict)]
    jobs = (
        [dict(zip(axes, values, strict=True)) for values in islice(product(*axes.values()), _MAX_JOBS)] if axes else []
    )
    alone = []
    for entry in include:
        fitting = [job for job in jobs if all(job.get(n, v) == v for n, v in entry.items() if n in axes)]
        for job in fitting:
            job.update(entry)
        alone += [] if fitting else [dict(entry)]
    for job in [*jobs, *alone] or [{}]:
        yield dict(_flat("matrix", job))


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - what a file holds
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(f"{prefix}.{name}", inner)
    elif isinstance(value, (str, int, float)):
        yield prefix, str(value)
