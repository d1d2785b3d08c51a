"""What a user asks of a build -> the build's request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from bakegen import graph
from bakegen.build.model import BuildRequest
from bakegen.engine.bake import Output
from bakegen.errors import Problem, UsageError
from bakegen.family.bake import LINK
from bakegen.family.load import nearest
from bakegen.family.models import Family
from bakegen.plan import Plan, PlannedImage, match, references
from bakegen.refs import ImageRef
from bakegen.render import BAKE_FILE
from bakegen.render.bake import attributes, context, contexts, dockerfile_in_context, parent_names

Parents = Literal["build", "registry"]
#: Keys that `--set` of buildx 0.29 takes and loses (docker/buildx, bake/bake.go).
_BROKEN_SETS = ("network", "no-cache-filter", "ulimits")
_ARGUMENT = re.compile(r"([^.=]+)\.args\.([^=]+)=")


@dataclass(frozen=True, slots=True)
class Options:
    """The words of the command line, and the two variables of the bake file that the environment may set."""

    output: Output = "default"
    builder: str | None = None
    bases: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    parents: Parents = "build"
    registry: str | None = None
    tag: str | None = None


def request(plan: Plan, names: Sequence[str], root: Path, options: Options, *, epoch: str) -> BuildRequest:
    """Return the request that builds ``names``; ``epoch`` is what makes the steps of ``--fresh`` images new.

    Raises UsageError for words that name nothing.
    """
    problems = list(_set_problems(options.sets))
    substitutes = dict(_substitutes(plan, options.bases, problems))
    fresh = _fresh(plan, options.fresh, problems)
    if problems:
        raise UsageError(*problems)
    solved = _solved(plan, names, options)
    images = [image for image in plan.images if image.name in solved]
    overrides = {image.name: _contexts(plan, image, substitutes, solved, options) for image in images}
    return BuildRequest(
        targets=tuple(names),
        root=root,
        files=(Path(BAKE_FILE),),
        builder=options.builder,
        output=options.output,
        sets=options.sets,
        allow=options.allow,
        contexts={name: values for name, values in overrides.items() if values},
        args={name: {"FRESH": epoch} for name in fresh if name in solved},
        definition=_definitions(images, solved, options.sets),
    )


def _solved(plan: Plan, names: Sequence[str], options: Options) -> set[str]:
    """Return the images that a bake of ``names`` builds: these and their parents, unless those come from the registry.

    A parent without a tag is in no registry.
    """
    parents = plan.parents
    if options.parents == "registry":
        parents = {name: tuple(above for above in found if not plan[above].tags) for name, found in parents.items()}
    return {*names, *(above for name in names for above in graph.ancestors(name, parents))}


def _definitions(
    images: Sequence[PlannedImage], solved: set[str], sets: Sequence[str]
) -> Mapping[str, Mapping[str, Any]] | None:
    """Return what ``bake --print`` shows of images, as far as a build needs it; None where ``--set`` leaves it to buildx."""
    if not all(_ARGUMENT.match(word) for word in sets):
        return None
    return {image.name: {**_definition(image, solved), "args": arguments(image, sets)} for image in images}


def arguments(image: PlannedImage, sets: Sequence[str]) -> dict[str, str]:
    """Return the build arguments of an image, with those that ``--set TARGET.args.NAME=VALUE`` gives it."""
    found = dict(image.args)
    for word in sets:
        match_ = _ARGUMENT.match(word)
        if match_ and fnmatchcase(image.name, match_[1]):
            found[match_[2]] = word[match_.end() :]
    return found


def _definition(image: PlannedImage, solved: set[str]) -> Mapping[str, Any]:
    linked = {
        key: value
        for key, value in contexts(image).items()
        if not value.startswith("target:") or value.removeprefix("target:") in solved
    }
    secrets = [{"type": "file", "id": s.id, "src": s.src} for s in image.secrets if s.src]
    return {
        "context": context(image),
        "dockerfile": dockerfile_in_context(image),
        "secret": secrets,
        **attributes(image),
        "contexts": linked,
    }


def _contexts(
    plan: Plan, image: PlannedImage, substitutes: Mapping[str, str], solved: set[str], options: Options
) -> dict[str, str]:
    names = {ref: [ImageRef.parse(ref).context_name] for ref in (image.from_ref, image.uv_from) if ref}
    for name, source in image.redirects:
        names.setdefault(source.removeprefix("docker-image://"), []).append(name)
    found = {
        name: f"docker-image://{new}"
        for ref, new in substitutes.items()
        for spelling in {ref, str(ImageRef.parse(ref).canonical)}
        for name in names.get(spelling, ())
    }
    if image.parent and image.parent not in solved:
        parent = _tagged(plan, plan[image.parent], options)
        found |= dict.fromkeys(parent_names(image), f"docker-image://{parent}")
    for name, value in (image.bake.contexts if image.bake else {}).items():
        linked = value.removeprefix(LINK)
        if value.startswith(LINK) and linked not in solved:
            found[name] = f"docker-image://{_tagged(plan, plan[linked], options)}"
    return found


def _tagged(plan: Plan, image: PlannedImage, options: Options) -> str:
    """Return the first tag of an image, as the bake file makes it with REGISTRY and TAG from the environment."""
    return references(named(plan, options), image)[0]


def named(plan: Plan, options: Options) -> Family:
    """Return the family with the REGISTRY and the TAG of the environment."""
    registry = plan.family.registry if options.registry is None else options.registry
    return plan.family.model_copy(update={"registry": registry, "tag": options.tag or plan.family.tag})


def _substitutes(plan: Plan, words: Iterable[str], problems: list[Problem]) -> Iterable[tuple[str, str]]:
    """Yield (reference in the family, reference to use instead) for each ``--base NAME=REF``."""
    for word in words:
        name, equals, ref = word.partition("=")
        if name not in plan.bases or not equals:
            known = sorted(plan.bases)
            close = nearest(name, known)
            tip = (
                f"did you mean {close}?"
                if close and equals
                else f"write --base NAME=REF; bases are: {', '.join(known)}"
            )
            problems.append(Problem(f"--base {word}: {f'no base {name!r}' if equals else 'no reference'}", next=tip))
            continue
        try:
            yield str(plan.bases[name]), str(ImageRef.parse(ref))
        except ValueError as error:
            problems.append(Problem(f"--base {word}: {error}"))


def _fresh(plan: Plan, words: Iterable[str], problems: list[Problem]) -> set[str]:
    """Return the images whose steps are to run again."""
    chosen: set[str] = set()
    names = [image.name for image in plan.images]
    for word in words:
        found = dict(plan.groups).get(word) or match(word, names)
        if not found:
            close = nearest(word, names)
            problems.append(
                Problem(f"--fresh {word}: no such image, group or glob", next=f"did you mean {close}?" if close else "")
            )
        chosen.update(name for name in found if plan[name].runs or not plan[name].generated)
    return chosen


def _set_problems(words: Iterable[str]) -> Iterable[Problem]:
    for word in words:
        match_ = re.match(r"[^.=]+\.([a-z-]+)", word)
        if not match_ or "=" not in word:
            yield Problem(
                f"--set {word}: not TARGET.KEY=VALUE",
                next="such as --set asr.args.NAME=value; * stands for every target",
            )
        elif match_[1] in _BROKEN_SETS:
            yield Problem(
                f"--set {word}: buildx takes {match_[1]!r} here and ignores it",
                next="write it into a bake file of your own and give both to docker buildx bake",
            )
