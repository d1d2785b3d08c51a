"""The files of a repository -> what they tell of its images, all together."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from bakegen.adopt import makefile, shell, windows
from bakegen.adopt.calls import builds
from bakegen.adopt.compose import read_compose
from bakegen.adopt.discover import Paths
from bakegen.adopt.model import Discovery, Found
from bakegen.adopt.shell_words import Script
from bakegen.adopt.workflow import read_workflow
from bakegen.errors import Problem, Where
from bakegen.tree import Tree

_MAX_SCRIPT = 1_000_000  # characters; more is no build script
#: Of two builds of one image, the first is taken: what is most alike on all machines comes first.
_ORDER = ("shell", "make", "powershell", "batch")
_MENTIONS = ("docker", "podman", "buildah", "nerdctl")


def told(
    paths: Paths, listed: Sequence[str], tree: Tree, problems: Iterable[Problem], given: Mapping[str, str]
) -> Discovery:
    """Return what compose files, scripts and workflows tell, in an environment of the variables ``given``.

    ``problems`` is what the Dockerfiles already gave rise to.
    """
    scripts = sorted(paths.scripts, key=lambda one: _ORDER.index(one[1]))
    found = [read_compose(paths.compose, frozenset(listed), tree, given)]
    found += [_script(Script(path, "", env=given), language, listed, tree) for path, language in scripts]
    found += [read_workflow(path, listed, tree, _reader(tree), given) for path in paths.workflows]
    notes = [*problems, *(problem for one in found for problem in one.notes)]
    for path in paths.bake:
        tip = f"take its targets in: bakegen adopt --from-bake {path}"
        notes.append(Problem("a bake file: not read here", Where(path), next=tip))
    return Discovery(
        dockerfiles=paths.dockerfiles,
        calls=tuple(call for one in found for call in one.calls),
        uses=tuple(use for one in found for use in one.uses),
        bake_files=paths.bake,
        notes=tuple(dict.fromkeys(notes)),
    )


def _reader(tree: Tree) -> Callable[[str], str | None]:
    def read(path: str) -> str | None:
        inside = posixpath.normpath(path)
        return tree.text(inside) if not inside.startswith(("..", "/")) and tree.kind(inside) == "file" else None

    return read


def _script(script: Script, language: str, listed: Sequence[str], tree: Tree) -> Found:
    text = tree.text(script.path) if tree.kind(script.path) == "file" else None
    if text is None or len(text) > _MAX_SCRIPT or not any(word in text.lower() for word in _MENTIONS):
        return Found()
    script = replace(script, text=text)
    if language == "batch":
        return builds(windows.batch(script), tree)
    if language == "powershell":
        return builds(windows.powershell(script), tree)
    if language == "make":
        return builds(makefile.recipes(script, listed, _reader(tree)), tree)
    found = builds(shell.commands(script, listed, _reader(tree)), tree)
    trouble = shell.trouble(script)
    return Found(found.calls, found.uses, (*found.notes, *([trouble] if trouble else [])))
