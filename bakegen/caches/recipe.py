"""The Dockerfiles that carry mounts out of an engine and into one. Pure.

BuildKit never exports a cache mount (https://github.com/moby/buildkit/issues/1474), so a step has to copy it. ``token``
stands in every path, so that what a build leaves in the cache can be told from everybody else's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from bakegen.caches.archive import MANIFEST, MOUNTS, Entry
from bakegen.dockerfile.caches import UsedMount

ARCHIVE = "archive"


def export_dockerfile(image: str, entries: Sequence[Entry], token: str) -> str:
    """Return the Dockerfile whose result is the archive: the manifest, and one directory a mount.

    ``image`` has /bin/sh and cp. Copying keeps owners, modes, times, hard links and links as they are.
    """
    inside, outside = f"/{token}/in", f"/{token}/out"
    script = f"set -e; mkdir -p {outside}; cp -a {inside} {outside}/{MOUNTS}"
    return "\n".join(
        [
            f"FROM {image} AS pack",
            "USER 0",
            _run(_mounts(entries, inside), script),
            "FROM scratch",
            f"COPY {token}.json /{MANIFEST}",
            f"COPY --from=pack {outside} /",
            "",
        ]
    )


def import_dockerfile(image: str, entries: Sequence[Entry], token: str, *, compressed: bool) -> str:
    """Return the Dockerfile that unpacks these entries of an archive into their mounts; ``image`` has /bin/sh and tar."""
    inside, archive = f"/{token}/in", f"/{token}/archive"
    flags = [*_mounts(entries, f"{inside}/{MOUNTS}"), f"--mount=type=bind,from={token},target={archive}"]
    members = " ".join(f"{MOUNTS}/{entry.directory}" for entry in entries)
    unpack = f"tar -x{'z' if compressed else ''}pf {archive}/{ARCHIVE} --numeric-owner -C {inside} {members}"
    return "\n".join([f"FROM {image}", "USER 0", _run(flags, unpack), ""])


def _run(flags: Sequence[str], script: str) -> str:
    """Return a step without network; in exec form, because an image may have set another shell."""
    return " \\\n    ".join(["RUN --network=none", *flags, json.dumps(["/bin/sh", "-c", script])])


def _mounts(entries: Sequence[Entry], below: str) -> list[str]:
    return [_mount(entry.use, f"{below}/{entry.directory}") for entry in entries]


def _mount(use: UsedMount, target: str) -> str:
    """Return a mount of the same cache at another place: what selects it is id, uid, gid and mode."""
    fields = {"id": use.id, "target": target, "sharing": use.sharing, "uid": use.uid, "gid": use.gid, "mode": use.mode}
    parts = ["type=cache", *(f"{name}={value}" for name, value in fields.items() if value)]
    quoted = [f'"{part.replace(chr(34), chr(34) * 2)}"' if set(part) & set(',"') else part for part in parts]
    return "--mount=" + ",".join(quoted).replace("$", "\\$")
