"""Compose files -> the builds and images of their services.

Rules: https://docs.docker.com/reference/compose-file/build/, interpolation and override files beside it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bakegen.adopt.calls import Options, described, placed
from bakegen.adopt.model import Call, Found, Use
from bakegen.adopt.variables import dotenv, interpolated, known, unknowns
from bakegen.errors import ManifestError, Problem, Where
from bakegen.family.source import Source, parse
from bakegen.tree import Tree

_OVERRIDE = re.compile(r"((?:docker-)?compose)\.override(\.ya?ml)", re.IGNORECASE)
_LOST = ("additional_contexts", "ssh", "network", "extra_hosts", "shm_size", "ulimits", "labels", "entitlements")


def read_compose(paths: Iterable[str], listed: frozenset[str], tree: Tree, given: Mapping[str, str]) -> Found:
    """Return what the compose files say; ``listed`` are the files that version control knows.

    Variables that are ``given`` have these values. A .env file counts for names and paths; for build arguments only if it is in version control.
    """
    calls: list[Call] = []
    uses: list[Use] = []
    notes: list[Problem] = []
    sources: dict[str, Source] = {}
    for path in paths:
        text = tree.text(path) if tree.kind(path) == "file" else None
        if text is None:
            notes.append(Problem("not understood: it is no file of UTF-8 text", Where(path)))
            continue
        try:
            sources[path] = parse(text.encode(), path, empty="it has no services")
        except ManifestError as error:
            problem = error.problems[0]
            notes.append(Problem(f"not understood: {problem.what}", problem.where or Where(path)))
    for path, source in sources.items():
        if _OVERRIDE.fullmatch(posixpath.basename(path)) and _overridden(path) & sources.keys():
            continue  # it is read with the file that it changes
        found = _File(source, _override(path, sources), _environments(path, listed, tree, given), tree).read()
        calls, uses, notes = [*calls, *found.calls], [*uses, *found.uses], [*notes, *found.notes]
    return Found(tuple(calls), tuple(uses), tuple(notes))


def _overridden(path: str) -> set[str]:
    match = _OVERRIDE.fullmatch(posixpath.basename(path))
    names = [f"{match[1]}{end}" for end in (".yml", ".yaml")] if match else []
    return {posixpath.join(posixpath.dirname(path), name) for name in names}


def _override(path: str, sources: Mapping[str, Source]) -> Source | None:
    return next((other for name, other in sources.items() if path in _overridden(name)), None)


def _environments(
    path: str, listed: frozenset[str], tree: Tree, given: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the variables for a compose file: all, and without those of a .env that is not shared."""
    name = posixpath.join(posixpath.dirname(path), ".env")
    own = dotenv(tree.text(name) or "") if tree.kind(name) == "file" else {}
    return {**own, **given}, {**(own if name in listed else {}), **given}


class _File:
    """One compose file, and the override that docker reads with it."""

    def __init__(
        self, source: Source, override: Source | None, env: tuple[dict[str, str], dict[str, str]], tree: Tree
    ) -> None:
        self.source, self.override, self.tree = source, override, tree
        self.directory = posixpath.dirname(source.path)
        self.env, self.shared = env
        self.notes: list[Problem] = []

    def read(self) -> Found:
        services = self.source.data.get("services")
        if not isinstance(services, dict):
            return Found()
        calls: list[Call] = []
        uses: list[Use] = []
        for service, own in services.items():
            merged = _merged(own, self._changed(service))
            if not isinstance(merged, dict):
                continue
            image = self.text(merged.get("image"))
            where = self.source.where(("services", service), key=True)
            if "build" in merged:
                call = self.call(service, merged["build"], image)
                calls += [call] if call else []
            elif image:
                uses.append(Use(self.source.where(("services", service, "image")), image, service))
            elif "extends" in merged:
                self.notes.append(Problem(f"{service}: 'extends' is not followed", where))
        return Found(tuple(calls), tuple(uses), tuple(self.notes))

    def _changed(self, service: str) -> Any:  # noqa: ANN401 - what a file holds
        services = self.override.data.get("services") if self.override else None
        return services.get(service) if isinstance(services, dict) else None

    def text(self, value: Any, env: Mapping[str, str] | None = None) -> str:  # noqa: ANN401 - what a file holds
        plain = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        return interpolated(plain, self.env if env is None else env)

    def call(self, service: str, build: Any, image: str) -> Call | None:  # noqa: ANN401 - what a file holds
        """Return the build of a service, if its files are the project's."""
        where = self.source.where(("services", service, "build"))
        fields = build if isinstance(build, dict) else {"context": build}
        if "dockerfile_inline" in fields:
            self.notes.append(Problem(f"{service}: its Dockerfile stands in the compose file: left alone", where))
            return None
        context, file = self.text(fields.get("context")) or ".", self.text(fields.get("dockerfile"))
        if names := unknowns(context + file):
            what = f"{service}: its files depend on {', '.join(f'${n}' for n in names)}, which has no value here"
            self.notes.append(Problem(what, where, next="give it a default, or a value in .env"))
            return None
        inside = f"{context}/{file}" if file and not file.startswith("/") else file
        place = placed(f"//{self.directory}", "", context, inside, self.tree)
        if place is None or any(part.startswith(("..", "/")) for part in place):
            what = f"{service}: a build of {posixpath.join(context, file or 'Dockerfile')}, "
            self.notes.append(Problem(what + "which is not in this project", where))
            return None
        given = self.options(fields, image, where)
        call, notes = described(where, place, given, service)
        self.notes += notes
        return call

    def options(self, fields: Mapping[str, Any], image: str, where: Where) -> Options:
        """Return what a build says besides its files."""
        tags = [image, *map(self.text, _list(fields.get("tags")))]
        stage = self.text(fields.get("target"))
        given = Options(tag=[tag for tag in tags if tag], stage=[stage] if stage else [])
        given.arg = list(self.arguments(fields.get("args")))
        given.platform = [self.text(one) for one in _list(fields.get("platforms"))]
        given.lost = [name for name in _LOST if fields.get(name)]
        if fields.get("secrets"):
            self.notes.append(Problem("secrets of a build are not taken over: say them in bakegen.yaml", where))
        return given

    def arguments(self, args: Any) -> Iterator[str]:  # noqa: ANN401 - what a file holds
        pairs = args.items() if isinstance(args, dict) else [str(one).partition("=")[::2] for one in _list(args)]
        for name, value in pairs:
            text = self.text(value, self.shared)
            if value is None or (isinstance(args, list) and f"{name}=" not in args and not value):
                yield f"{name}={self.shared[name]}" if name in self.shared else str(name)
            else:
                yield f"{name}={text}"


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - what a file holds
    return value if isinstance(value, list) else []


def _merged(own: Any, other: Any) -> Any:  # noqa: ANN401 - what files hold
    """Return a service with what an override says of it."""
    if isinstance(own, dict) and isinstance(other, dict):
        return own | {name: _merged(own.get(name), value) for name, value in other.items()}
    return own if other is None else other


def project_name(directory: str, top: str) -> str:
    """Return the name that compose gives to a project in a directory."""
    name = posixpath.basename(directory) or top
    return re.sub(r"[^a-z0-9_-]", "", name.lower()).lstrip("_-")


def named(call: Call, top: str) -> Call:
    """Return the build of a service under the name that compose gives to its image where none is written."""
    if call.tags or not call.service or not known(call.service):
        return call
    project = project_name(posixpath.dirname(call.where.path), top)
    return Call(**{**{f: getattr(call, f) for f in call.__slots__}, "tags": (f"{project}-{call.service}",)})
