"""The client of registries: manifests, digests and tags, each asked for once in a run.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self, TypeVar, cast

from bakegen.errors import RegistryError
from bakegen.refs import HUB, ImageRef
from bakegen.registry import problems, tls
from bakegen.registry.auth import Authorizer, Place
from bakegen.registry.credentials import Credentials
from bakegen.registry.manifests import (
    ACCEPT,
    DIGEST,
    Manifest,
    config_digest,
    digest_of,
    platform_of,
    platforms,
    read,
)
from bakegen.registry.once import Once
from bakegen.registry.patience import Patience
from bakegen.registry.problems import FORBIDDEN, MISSING, UNAUTHORIZED, Answer, NotFound
from bakegen.registry.transport import Request, Transport, split

#: Where the images named docker.io are: https://docs.docker.com/docker-hub/image-library/mirror/
HUB_HOST = "registry-1.docker.io"
DIGEST_HEADER = "Docker-Content-Digest"
PAGES = 1000  # of tags; registries give 50 to 1000 on each
_OK = 200
_NO_HEAD = 405
_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next\b', re.IGNORECASE)
T = TypeVar("T")


class Registry:
    """The registries of the world, for one run. A context manager, usable from several threads.

    Whatever was asked is remembered, failures too. Every method raises RegistryError when a registry refuses, does
    not answer, or answers with something else, and NotFound when it has no such thing.
    """

    def __init__(  # noqa: PLR0913 - named arguments, nearly all with defaults
        self,
        credentials: Credentials,
        *,
        mirrors: Mapping[str, str] = MappingProxyType({}),
        plain_http: Collection[str] = (),
        timeout: float = 20,
        patience: float = 60,
        certs: Path = tls.CERTS,
        on_wait: Callable[[str, float], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take docker's logins and how to reach registries.

        ``mirrors`` maps a registry to ``host`` or ``host/path``, which is asked in its place for everything;
        ``plain_http`` are hosts without TLS. An exchange may take ``timeout`` seconds, and waiting for a registry
        that asks for it ``patience`` seconds in all; ``on_wait`` is told host and seconds before each wait.
        """
        self._mirrors = dict(mirrors)
        self._transport = Transport(plain_http=plain_http, timeout=timeout, certs=certs)
        self._patience = Patience(patience, sleep, on_wait)
        self._auth = Authorizer(credentials, self._send)
        self._agent = f"bakegen/{_version()}"
        self._heard: Once[Hashable, Any] = Once()

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def manifest(self, ref: ImageRef) -> Manifest:
        """Return the manifest or index of a tag or digest, checked against its digest, in one request."""
        return self._once(("manifest", *_key(ref)), lambda: self._manifest(ref))

    def digest(self, ref: ImageRef) -> str | None:
        """Return the digest that a tag has now, or a digest itself; None when the registry has no such thing.

        One request without a body, which Docker Hub does not count as a pull
        (https://docs.docker.com/docker-hub/usage/pulls/); a GET where the registry cannot answer that.
        """
        known = self._heard.known(("manifest", *_key(ref)))
        if known is not None:
            return cast("Manifest", known).digest
        return self._once(("digest", *_key(ref)), lambda: self._digest(ref))

    def tags(self, ref: ImageRef) -> tuple[str, ...]:
        """Return all tags of a repository, in the registry's order."""
        return self._once(("tags", ref.registry, ref.path), lambda: tuple(self._tags(ref)))

    def config(self, ref: ImageRef, digest: str) -> dict[str, Any]:
        """Return the config blob of an image, which has its platform and environment among others."""
        return self._once(("config", ref.registry, ref.path, digest), lambda: self._config(ref, digest))

    def platforms(self, ref: ImageRef) -> Mapping[str, str]:
        """Return the digest of the image for each platform; for an image without an index, its config is asked."""
        manifest = self.manifest(ref)
        if manifest.is_index:
            return platforms(manifest)
        platform = platform_of(self.config(ref, config_digest(manifest)))
        return {platform: manifest.digest} if platform else {}

    def _manifest(self, ref: ImageRef) -> Manifest:
        answer = self._get(ref, "GET", f"manifests/{_wanted(ref)}", accept=ACCEPT)
        self._expect(ref, answer)
        manifest = read(answer.body, answer.headers.get("Content-Type", ""), str(ref))
        claimed = ref.digest or answer.headers.get(DIGEST_HEADER)
        # A digest of another algorithm in the header cannot be compared; one that was asked for is always sha256.
        if claimed and claimed.startswith("sha256:") and claimed != manifest.digest:
            raise RegistryError(problems.damaged(str(ref), f"its digest is {manifest.digest}, not {claimed}"))
        return manifest

    def _digest(self, ref: ImageRef) -> str | None:
        answer = self._get(ref, "HEAD", f"manifests/{_wanted(ref)}", accept=ACCEPT)
        if answer.status == MISSING:
            return None
        digest = answer.headers.get(DIGEST_HEADER, "")
        if answer.status == _NO_HEAD or (answer.status == _OK and not DIGEST.fullmatch(digest)):
            with suppress(NotFound):
                return self.manifest(ref).digest
            return None
        self._expect(ref, answer)
        if ref.digest and digest != ref.digest:
            raise RegistryError(problems.damaged(str(ref), f"its digest is {digest}"))
        return digest

    def _config(self, ref: ImageRef, digest: str) -> dict[str, Any]:
        name = f"{ref.name}@{digest}"
        answer = self._get(ref, "GET", f"blobs/{digest}")
        self._expect(ref, answer, name)
        if digest_of(answer.body) != digest:
            raise RegistryError(problems.damaged(name, f"its digest is {digest_of(answer.body)}"))
        content = _json(answer.body)
        if content is None:
            raise RegistryError(problems.damaged(name, "an image's config is a JSON object"))
        return content

    def _tags(self, ref: ImageRef) -> Iterator[str]:
        path, seen = "tags/list?n=1000", set[str]()
        while path not in seen and len(seen) < PAGES:
            seen.add(path)
            answer = self._get(ref, "GET", path)
            self._expect(ref, answer, ref.name)
            tags = (_json(answer.body) or {"tags": ""}).get("tags")
            if not isinstance(tags, list | None):
                raise RegistryError(problems.damaged(ref.name, "a list of tags was expected"))
            yield from map(str, tags or ())
            link = _NEXT.search(answer.headers.get("Link", ""))
            if not link:
                return
            path = self._page(ref, answer, link[1])
        raise RegistryError(problems.damaged(ref.name, f"its list of tags has no end after {len(seen)} pages"))

    def _page(self, ref: ImageRef, answer: Answer, link: str) -> str:
        """Return the query of a list's next page; registries write all, or only the last part, of its address."""
        query = split(link, answer.url).query
        if not query:
            raise RegistryError(problems.damaged(ref.name, "the next page of its tags has no address"))
        return f"tags/list?{query}"

    def _get(self, ref: ImageRef, method: str, path: str, *, accept: str = "*/*") -> Answer:
        """Return the answer to a request about a repository, with what Authorization it takes."""
        place = self._place(ref)
        url = f"{place.origin}/v2/{place.repository}/{path}"
        headers = self._auth.headers(place)
        answer = self._send(place.name, Request(method, url, {"Accept": accept, **headers}))
        if answer.status == UNAUTHORIZED and (fresh := self._auth.renewed(place, answer, headers)):
            answer = self._send(place.name, Request(method, url, {"Accept": accept, **fresh}))
        return answer

    def _send(self, host: str, request: Request) -> Answer:
        marked = Request(request.method, request.url, {"User-Agent": self._agent, **request.headers}, request.body)
        return self._patience.ask(host, lambda: self._transport.send(marked))

    def _expect(self, ref: ImageRef, answer: Answer, name: str = "") -> None:
        """Raise the error for an answer other than 200."""
        if answer.status == _OK:
            return
        place, name = self._place(ref), name or str(ref)
        if answer.status in (UNAUTHORIZED, FORBIDDEN):
            logged_in = self._auth.logged_in(place)
            raise RegistryError(problems.refused(name, place.name, answer, logged_in=logged_in))
        if answer.status == MISSING:
            raise problems.missing(name, place.name, answer)
        raise RegistryError(problems.unexpected(name, place.name, answer))

    def _place(self, ref: ImageRef) -> Place:
        mirror, _, prefix = self._mirrors.get(ref.registry, "").partition("/")
        name = mirror or ref.registry
        origin = self._transport.origin(HUB_HOST if name in (HUB, "index.docker.io") else name)
        return Place(name, origin, "/".join(part for part in (prefix.strip("/"), ref.path) if part))

    def _once(self, key: Hashable, make: Callable[[], T]) -> T:
        return cast("T", self._heard.get(key, make))


def _key(ref: ImageRef) -> tuple[str, str, str]:
    return ref.registry, ref.path, _wanted(ref)


def _wanted(ref: ImageRef) -> str:
    """Return what a reference asks for: the digest if there is one, for docker does not look at the tag then."""
    return ref.digest or ref.tag or "latest"


def _json(body: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _version() -> str:
    try:
        return metadata.version("bakegen")
    except metadata.PackageNotFoundError:
        return "unknown"
