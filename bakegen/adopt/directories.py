"""Tags for images that no file builds: told from what their directories are called, the last resort."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from bakegen.adopt import names
from bakegen.adopt.discover import Readable
from bakegen.adopt.images import Draft, key
from bakegen.adopt.model import Use
from bakegen.adopt.tags import Settler
from bakegen.dockerfile.parser import DockerfileError
from bakegen.dockerfile.references import External, externals
from bakegen.errors import Problem, Where
from bakegen.refs import ImageRef

_FEW = 2  # matches under one prefix that make a habit of it


def named_by_directory(
    drafts: Sequence[Draft], uses: Iterable[Use], readable: Mapping[str, Readable], settler: Settler, top: str
) -> list[Problem]:
    """Give images without a tag one that is run or built on, and whose name is that of their directory.

    What compose runs is taken at its word. A FROM is taken if the project has several such images below one registry and
    owner: a directory may well be called like an image of somebody else. Returns what was seen and not taken.
    """
    owned = {key(tag) for draft in drafts for tag in draft.tags}
    nameless = [draft for draft in drafts if not draft.tags]
    called = {id(draft): names.of_dockerfile(draft.dockerfile, top) for draft in nameless}
    for use in uses:
        tag = settler.settled(use.reference, use.where) if not use.source else ""
        if tag and key(tag) not in owned:
            hits = [draft for draft in nameless if not draft.tags and _alike(called[id(draft)], tag)]
            if len(hits) == 1:
                hits[0].tags[tag] = [use.where]
                hits[0].why["tags"] = f"{use.where}, and its directory is called so"
    matches = _matches([draft for draft in nameless if not draft.tags], called, _wanted(drafts, readable, owned))
    counts = Counter(_prefix(tag) for tag in dict.fromkeys(tag for _, tag, _ in matches))
    notes = []
    for draft in nameless:
        own = [(tag, where) for other, tag, where in matches if other is draft]
        usual = [(tag, where) for tag, where in own if counts[_prefix(tag)] >= _FEW]
        if len(usual) == 1:
            tag, where = usual[0]
            draft.tags[tag] = [where]
            draft.why["tags"] = f"{where}, and its directory is called so"
            continue
        for tag, where in own:
            what = f"{tag} may be what {draft.dockerfile} makes, which no file names; it is taken from the registry"
            notes.append(Problem(what, where, next="if it is, say 'tag' and 'from' in bakegen.yaml"))
    return notes


def _prefix(tag: str) -> str:
    """Return registry and owner of an image."""
    return posixpath.dirname(ImageRef.parse(tag).name)


def _alike(called: str, tag: str) -> bool:
    return any(names.same(called, name) for name in names.of_tag(tag))


def _matches(
    nameless: Sequence[Draft], called: Mapping[int, str], wanted: Mapping[str, tuple[External, str]]
) -> list[tuple[Draft, str, Where]]:
    """Return images with references that may be theirs, and where those stand; none where two images are called alike."""
    found = []
    counts = Counter(names.plain(called[id(draft)]) for draft in nameless)
    for draft in nameless:
        for tag, (item, path) in wanted.items():
            if (
                counts[names.plain(called[id(draft)])] == 1
                and path != draft.dockerfile
                and _alike(called[id(draft)], tag)
            ):
                found.append((draft, tag, Where(path, item.line)))
    return found


def _wanted(
    drafts: Sequence[Draft], readable: Mapping[str, Readable], owned: set[str]
) -> dict[str, tuple[External, str]]:
    """Return the references that Dockerfiles build on and nothing is known to build; official images aside."""
    found: dict[str, tuple[External, str]] = {}
    for draft in drafts:
        try:
            named, _ = externals(readable[draft.dockerfile].parsed, draft.args)
        except DockerfileError:
            continue
        for item in named:
            ref = ImageRef.parse(item.written)
            official = ref.registry == "docker.io" and ref.path.startswith("library/")
            if item.kind == "from" and not official and not ref.digest and key(item.written) not in owned:
                found.setdefault(item.written, (item, draft.dockerfile))
    return found
