"""What a run records of its engine beside what BuildKit says: its cores, its cache mounts, the layers of its images.

All of it is asked while the build goes on, and none of it can fail a build: what is not known in time is not recorded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from bakegen.engine.du import cache_mounts
from bakegen.engine.images import layers, variables
from bakegen.engine.info import engine_cpus

if TYPE_CHECKING:
    from bakegen.build.model import BuildResult
    from bakegen.build.rundir import RunDirectory
    from bakegen.engine.du import CacheMountUsage
    from bakegen.engine.images import ImageLayer
    from bakegen.engine.info import Builder

VERSION = 1
PATIENCE = 15.0  # seconds that the end of a build waits at most for what BuildKit says of its cache mounts
LONG = 120.0  # seconds in which that may be answered beside a build; a busy engine was seen to take 8
SHARE = 0.01  # of the build's seconds, but at least a moment, that its end waits for the sizes of images
MOMENT = 1.0  # seconds for an answer that was asked for when the build began
_ON_THE_ENGINE = frozenset({"docker", "docker-container"})  # drivers whose steps run on the engine's own cores

T = TypeVar("T")


class Facts:
    """What is asked beside the first bake. The threads die with the process: nobody waits for a stuck engine."""

    def __init__(self, docker: Sequence[str], builder: str | None) -> None:
        """Start asking, for the cache mounts first.

        The answer comes within 0.3 s, when hardly any step has run yet. Waiting for it would make every build that much
        longer; instead, a mount that was used since the build began counts as of unknown size.
        """
        self._docker = docker
        self._images: Future[dict[str, tuple[ImageLayer, ...]]] | None = None
        self._variables: Future[dict[str, dict[str, str]]] | None = None
        self._ask = lambda: cache_mounts(docker, builder, patience=PATIENCE)
        self._before: Future[tuple[CacheMountUsage, ...]] = Future()
        self._cpus: Future[int] = Future()
        _start(
            (self._before, lambda: cache_mounts(docker, builder, patience=LONG)),
            (self._cpus, lambda: engine_cpus(docker)),
        )

    def cpus(self, builder: Builder | None, *, ran: bool) -> int | None:
        """Return the number of cores that steps run on; None when the builder is elsewhere or nobody knows.

        Of a build in which no step ``ran``, only what is known already: it is over in no time, and used no cores.
        """
        answer = _answer(self._cpus, MOMENT if ran else 0.0)
        return answer or None if builder and builder.driver in _ON_THE_ENGINE else None

    def caches(self, since: float | None, *, again: bool = True) -> str:
        """Return the text of caches.json of a build that began then, by the engine's clock.

        Asks ``again``, for 0.3 s; not when ``since`` is None: no step with a cache mount ran, and so nothing has changed.
        """
        before = after = _answer(self._before, 0.0 if since is None else MOMENT)
        if since is not None:
            before = _untouched(before, since)
            asked: Future[tuple[CacheMountUsage, ...]] = Future()
            if again:
                _start((asked, self._ask))
            after = _answer(asked, PATIENCE if again else 0.0)
        return json.dumps({"version": VERSION, "before": _entries(before), "after": _entries(after)}, indent=2) + "\n"

    def keep(
        self,
        directory: RunDirectory,
        result: BuildResult,
        parents: Mapping[str, Sequence[str]],
        sizes: Mapping[str, Any],
        since: float | None,
    ) -> None:
        """Write caches.json and images.json of a run that is over.

        ``since`` is when it began by the engine's clock, if a step with a cache mount ran; None if none did.

        ``sizes`` are what images.json said before of images that are made of the same now; found in the cache as well, they
        are not asked for again.
        """
        known = {i.name: sizes[i.name] for i in result.images if i.status == "cached" and i.name in sizes}
        if any(image.cached < image.steps for image in result.images):
            digests = {image.name: image.digest for image in result.images if image.digest}
            lowest = {name: at for name, at in digests.items() if not digests.keys() & set(parents.get(name, ()))}
            new = {name: digest for name, digest in digests.items() if name not in known}
            self.ask_images(new, {} if since is None else lowest)
        directory.text("caches.json", self.caches(since, again=result.outcome != "cancelled"))
        directory.text("images.json", self.images(result.seconds, known))

    def ask_images(self, digests: Mapping[str, str], lowest: Mapping[str, str]) -> None:
        """Ask for the layers of images that the engine has taken in, while the cache mounts are counted.

        Variables that come from a base are those of the ``lowest`` images; they matter where a cache was mounted.
        """
        if digests:
            self._images = Future()
            _start((self._images, lambda: layers(self._docker, digests, patience=PATIENCE)))
        if lowest:
            self._variables = Future()
            _start((self._variables, lambda: variables(self._docker, lowest, patience=PATIENCE)))

    def images(self, seconds: float, known: Mapping[str, Any]) -> str:
        """Return the text of images.json after a build of so many seconds; null where nobody asked, or it took too long.

        ``known`` are the entries of images that are as they were before.
        """
        found = _answer(self._images, max(MOMENT, SHARE * seconds)) if self._images else None
        told = {name: [[layer.mark, layer.size] for layer in held] for name, held in (found or {}).items()}
        held = _answer(self._variables, MOMENT) if told and self._variables else None
        return json.dumps({"version": VERSION, "images": {**known, **told} or None, "variables": held}) + "\n"


def _untouched(mounts: Iterable[CacheMountUsage] | None, since: float) -> tuple[CacheMountUsage, ...] | None:
    """Return mounts; those that were used or made since then, by the engine's clock, as of unknown size."""
    if mounts is None:
        return None
    return tuple(
        replace(mount, reclaimable=False) if max(mount.last_used or 0.0, mount.created or 0.0) >= since else mount
        for mount in mounts
    )


def _start(*questions: tuple[Future[Any], Callable[[], Any]]) -> None:
    """Have questions answered one after the other, on a thread that does not keep the process alive."""

    def answer() -> None:
        for future, ask in questions:
            try:
                future.set_result(ask())
            except Exception as error:  # noqa: BLE001 - told to whoever wants the answer
                future.set_exception(error)

    Thread(target=answer, name="bakegen-facts", daemon=True).start()


def _answer(future: Future[T], patience: float) -> T | None:
    """Return the answer; None when it has not come in time, or is an error."""
    with suppress(Exception):
        return future.result(patience)
    return None


def _entries(mounts: Iterable[CacheMountUsage] | None) -> list[dict[str, Any]] | None:
    """Return cache mounts as caches.json has them; ``bytes`` is null for one that a step held, whose size nobody knows."""
    if mounts is None:
        return None
    return [
        {
            "id": mount.id,
            "bytes": mount.size if mount.known else None,
            "last_used": mount.last_used,
            "created": mount.created,
            "description": mount.description,
        }
        for mount in mounts
    ]
