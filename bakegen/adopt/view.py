"""What adopting comes to, for people: at most 80 columns where words allow, and as plain values for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bakegen.adopt.model import AdoptedImage, Adoption
from bakegen.adopt.run import Work
from bakegen.adopt.tags import short
from bakegen.advice import Finding
from bakegen.advice.rules import RULES
from bakegen.errors import Problem

WIDTH = 80
_PLACES = 3  # in a line


def plan_lines(adoption: Adoption) -> Iterator[str]:
    """Yield the plan: each image under what it stands on, with the files that say so."""
    count = len(adoption.images)
    files = len({image.dockerfile for image in adoption.images})
    head = f"family {adoption.family}: {_plural(count, 'image')} from {_plural(files, 'Dockerfile')}"
    yield head + (f", registry {adoption.registry}" if adoption.registry else ", no registry in common")
    bases = dict(adoption.bases)
    shown: set[str] = set()
    for name in (*bases, ""):
        top = [image for image in adoption.images if not image.parents and image.base == name]
        if not top:
            continue
        yield ""
        yield f"{bases[name]} ({name})" if name else "scratch, or a base that is not known"
        for image in top:
            yield from _branch(image, adoption, 1, shown)


def _branch(image: AdoptedImage, adoption: Adoption, depth: int, shown: set[str]) -> Iterator[str]:
    if image.name in shown:
        return
    shown.add(image.name)
    indent = "  " * depth
    tags = ", ".join(short(tag, adoption.registry, "") for tag in image.tags)
    yield f"{indent}{image.name}" + (f"  {tags}" if tags else "")
    for text in _facts(image):
        yield from _filled(text, f"{indent}    ")
    for child in adoption.images:
        if image.name in child.parents[:1]:
            yield from _branch(child, adoption, depth + 1, shown)


def _facts(image: AdoptedImage) -> Iterator[str]:
    """Yield what is known of an image, and from where."""
    file = image.reason("from") or image.dockerfile
    yield f"{file}, context {image.context}"
    if image.reason("dockerfile"):
        yield f"built at {_places(image.reason('dockerfile'))}"
    elif image.reason("context"):
        yield f"context: {image.reason('context')}"
    if image.reason("tags") != image.reason("dockerfile") and image.tags:
        built = image.reason("dockerfile")
        new = [place for place in image.reason("tags").split(", ") if place not in built]
        if new:
            yield f"named at {_places(', '.join(new))}"
    if image.reason("name"):
        yield image.reason("name")
    if image.parents[1:]:
        yield f"takes from {', '.join(image.parents[1:])} as well"
    if image.stage:
        yield f"stage {image.stage}"
    for name, value in image.args:
        yield f"{name}={value} ({_places(image.reason('args'))})"
    if image.target:
        yield f"target {image.target}: {image.reason('target')}"


def _places(text: str) -> str:
    """Return places, a few for many."""
    found = text.split(", ")
    return ", ".join(found[:_PLACES]) + (f" and {len(found) - _PLACES} more" if len(found) > _PLACES else "")


def _filled(text: str, indent: str, rest: str | None = None) -> Iterator[str]:
    yield from textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + "  " if rest is None else rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def note_lines(notes: Sequence[Problem]) -> Iterator[str]:
    """Yield what was not understood, or is worth a look."""
    for problem in notes:
        head = f"{problem.where}: {problem.what}" if problem.where else problem.what
        yield from textwrap.wrap(head, WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
        for text in filter(None, (problem.why, problem.next)):
            yield from _filled(text, "    ")


def edit_lines(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield the edits that are made: each rule's title, and in which files."""
    files: dict[str, dict[str, None]] = {}
    for one in findings:
        files.setdefault(one.rule, {})[one.path] = None
    for rule, paths in sorted(files.items()):
        title = RULES[rule].title if rule in RULES else ""
        yield from _filled(f"{rule} {title}: {_plural(len(paths), 'file')}", "")
        yield from _filled(", ".join(paths), "    ")


def finding_lines(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield findings, rule by rule: what is found where, and once how it is mended."""
    by_rule: dict[tuple[str, str], list[Finding]] = {}
    for one in findings:
        by_rule.setdefault((one.rule, one.fix), []).append(one)
    for (rule, fix), group in by_rule.items():
        for one in group:
            yield from _filled(f"{one.path}:{one.line}:{one.column}: {rule} {one.what}", "", "    ")
        yield from _filled(fix, "    ")


def as_json(done: Work, *, written: bool) -> dict[str, Any]:
    """Return all of it for a program."""
    adoption = done.adoption
    return {
        "family": done.project.family.family,
        "registry": done.project.family.registry,
        "images": [_image(image) for image in adoption.images] if adoption else None,
        "bases": dict(adoption.bases) if adoption else None,
        "notes": [problem.as_json() for problem in done.notes],
        "edits": [_finding(one) for one in done.outcome.applied],
        "findings": [_finding(one) for one in (done.outcome.left if written else done.left_before)],
        "files": [change.path for change in done.changes],
        "written": written,
    }


def _image(image: AdoptedImage) -> dict[str, Any]:
    return {
        "name": image.name,
        "dockerfile": image.dockerfile,
        "context": image.context,
        "tags": list(image.tags),
        "args": dict(image.args),
        "stage": image.stage,
        "platforms": list(image.platforms),
        "parents": list(image.parents),
        "base": image.reference or None,
        "target": str(image.target) or None,
        "why": dict(image.why),
    }


def _finding(one: Finding) -> dict[str, Any]:
    where = {"path": one.path, "line": one.line, "column": one.column}
    return {"rule": one.rule, **where, "what": one.what, "why": one.why, "fix": one.fix}


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
