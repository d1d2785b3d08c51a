"""What the rules are called, why they are there, and what to do: the words of findings and of docs/rules.md."""

from __future__ import annotations

from bakegen.advice.look import Rule

_AGAIN = "whenever this step runs again, everything is downloaded again"
MISSING: dict[str, Rule] = {
    tool: Rule(
        f"BG{number:03}",
        f"{tool} without a cache mount",
        _AGAIN,
        "add a cache mount for its cache directory",
        before,
        more,
    )
    for number, tool, before, more in (
        (
            1,
            "apt",
            "FROM debian:bookworm\nRUN apt-get update \\\n    && apt-get install -y git \\\n    && rm -rf /var/lib/apt/lists/*\n",
            (
                "Packages and lists are kept in two mounts; `docker-clean`, which empties the first, is removed, and what empties "
                "them at the end of the step goes. `/var/lib/apt` is never mounted whole: `extended_states` belongs to the image. "
                "No edit is made where another step, or an image built on this one, installs without an update of its own, or "
                "runs a script that may install: it relies on `docker-clean`."
            ),
        ),
        (
            2,
            "apk",
            "FROM alpine:3.20\nRUN apk add --no-cache git\n",
            (
                "Reported only. apk keeps packages and indexes where `/etc/apk/cache` is a directory; `--update-cache` in place of "
                "`--no-cache` fetches the index just the same."
            ),
        ),
        (
            3,
            "dnf",
            "FROM fedora:41\nRUN dnf install -y git && dnf clean all\n",
            "For yum, microdnf and tdnf too. Reported only.",
        ),
        (
            4,
            "pip",
            "FROM python:3.11-slim-bookworm\nRUN pip install --no-cache-dir requests\n",
            (
                "The mount is where pip keeps its cache for the step's HOME, XDG_CACHE_HOME and PIP_CACHE_DIR. No edit is made where "
                "CFLAGS and the like change what is compiled: pip keeps the wheels that it builds, whatever they were built with."
            ),
        ),
        (5, "uv", "FROM python:3.11-slim-bookworm\nRUN pip install uv\nRUN uv pip install --system requests\n", ""),
        (
            6,
            "poetry",
            "FROM python:3.11-slim-bookworm\nCOPY poetry.lock pyproject.toml ./\nRUN poetry install --no-root\n",
            "Two directories below poetry's cache are mounted, not all of it: virtual environments may lie there.",
        ),
        (
            7,
            "conda",
            "FROM continuumio/miniconda3\nRUN conda install -y numpy\n",
            "For mamba and micromamba too. Reported only.",
        ),
        (
            8,
            "npm",
            "FROM node:22-bookworm\nCOPY package.json package-lock.json ./\nRUN npm ci && npm cache clean --force\n",
            "",
        ),
        (
            9,
            "yarn",
            "FROM node:22-bookworm\nRUN yarn install\n",
            "Reported only: under Plug'n'Play the cache is what the image runs from.",
        ),
        (
            10,
            "pnpm",
            "FROM node:22-bookworm\nRUN pnpm install\n",
            "Reported only: pnpm moves its store to where the project is.",
        ),
        (
            11,
            "cargo",
            "FROM rust:1.82-bookworm AS build\nCOPY . .\nRUN cargo build -r\nFROM scratch\nCOPY --from=build /target/release/app /app\n",
            (
                "The registry and the git databases are kept, not `target`: what is built there belongs to the image. No edit is made "
                "where a later step may need what this one downloads."
            ),
        ),
        (
            20,
            "go",
            "FROM golang:1.23-bookworm AS build\nCOPY . .\nRUN go build -o /app .\nFROM scratch\nCOPY --from=build /app /app\n",
            "Modules and the build cache are kept; as for cargo, only where nothing later needs them.",
        ),
        (21, "ccache", "FROM debian:bookworm\nRUN ccache gcc -c a.c\n", "Reported only."),
    )
}
UNREADABLE = Rule(
    "BG000",
    "A file that BuildKit would not take",
    "nothing can be built from it",
    "mend the line",
    "FROM debian:bookworm\nRUM true\n",
)
IGNORE_WITHOUT_REASON = Rule(
    "BG040",
    "An ignore without a reason",
    "nobody can tell later whether it still holds",
    "write: # bakegen: ignore BG012 because ...",
    "FROM debian:bookworm\n# bakegen: ignore BG036\nRUN apt-get install -y git\n",
)
IGNORE_UNKNOWN = Rule(
    "BG041",
    "An ignore of an unknown rule",
    "it hides nothing",
    "correct the id, or remove the comment",
    "FROM debian:bookworm\n# bakegen: ignore BG999 because of nothing\nRUN true\n",
)


_RUN = "FROM python:3.11-slim-bookworm\nRUN --mount=type=cache,target=/root/.cache/pip "
_APT = "--mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=cache,target=/var/lib/apt/lists,sharing=locked "
OFF = Rule(
    "BG012",
    "A cache mount whose tool does not use its cache",
    "every build downloads again what this mount should keep",
    "remove what turns the cache off",
    f"{_RUN}pip install --no-cache-dir requests\n",
    "Options of the command, and PIP_NO_CACHE_DIR or UV_NO_CACHE wherever they are set: in the step, in the file, in an image "
    "of the family that this one is built on. pip takes any value of PIP_NO_CACHE_DIR that is not empty for yes, 0 too. An ENV "
    "is removed where every step that it reaches, in images built on this one too, has its mount, and where no script, ONBUILD or "
    "other program may install without one. Containers then lack it, too: what is installed in one by hand keeps its downloads there.",
)
EMPTIED = Rule(
    "BG013",
    "A cache mount that its own step empties",
    "the next build finds nothing in it",
    "do not remove it: a mount is no part of the image",
    f"{_RUN}pip install requests && pip cache purge\n",
)
MISPLACED = Rule(
    "BG014",
    "A cache mount where its tool has no cache",
    "what the tool downloads goes elsewhere, or it cannot write to the mount",
    "mount the directory that the tool uses, for the user that it runs as",
    "FROM python:3.11-slim-bookworm\nENV HOME=/srv\nRUN --mount=type=cache,target=/root/.cache/pip pip install requests\n",
)
SHARING = Rule(
    "BG015",
    "apt's cache mount without sharing=locked",
    "apt locks its directories: of two builds at the same time one fails",
    "add sharing=locked",
    f"FROM debian:bookworm\nRUN {_APT.replace(',sharing=locked', '')}\\\n    apt-get update && apt-get install -y git\n",
)
WHOLE = Rule(
    "BG016",
    "All of /var/lib/apt mounted",
    "extended_states, which says what was installed automatically, then lies in the mount and not in the image",
    "mount /var/lib/apt/lists",
    "FROM debian:bookworm\nRUN --mount=type=cache,target=/var/lib/apt,sharing=locked apt-get update\n",
)
BUSY = Rule(
    "BG017",
    "The removal of a mounted directory",
    "a directory that is mounted cannot be removed (EBUSY): the command fails",
    "leave it: a mount is no part of the image",
    f"{_RUN}pip install requests && rm -rf /root/.cache\n",
)
SHARED = Rule(
    "BG018",
    "A cache id that unlike steps share",
    "what one puts there does not fit the other: BuildKit tells caches apart by their id only",
    "give each an id of its own, with the distribution, architecture or user in it",
    "FROM debian:bookworm AS a\nRUN --mount=type=cache,id=x,target=/x true\n"
    "FROM debian:trixie\nRUN --mount=type=cache,id=x,target=/x true\n",
    "Compared are the steps of one file; an id without TARGETARCH is reported where several platforms are built for.",
)
CLEANED = Rule(
    "BG019",
    "apt's cache mount under docker-clean",
    "the images of Debian and Ubuntu tell apt to remove each package that it has installed",
    "remove /etc/apt/apt.conf.d/docker-clean and set Binary::apt::APT::Keep-Downloaded-Packages in the same step",
    f"FROM debian:bookworm\nRUN {_APT}\\\n    apt-get update && apt-get install -y git\n",
)
UNPINNED = Rule(
    "BG030",
    "A base without a tag, or latest",
    "the next build may stand on another system, without a change in the file",
    "name the version that you want; `bakegen lock` pins its digest",
    "FROM python\nRUN true\n",
)
UNTAGGED = Rule(
    "BG031",
    "A digest without a tag",
    "neither people nor update bots see which version it is, or that there is a newer one",
    "write name:tag@digest; `bakegen lock` keeps digests out of the file",
    f"FROM python@sha256:{'0' * 64}\nRUN true\n",
)
REDIRECTED = Rule(
    "BG032",
    "A version bound that the shell takes for a redirect",
    "any version is installed",
    "quote it",
    "FROM python:3.11-slim-bookworm\nRUN --mount=type=cache,target=/root/.cache/pip pip install pydantic>=2.0\n",
    "Reported only: the fix changes what is installed.",
)
LATE = Rule(
    "BG033",
    "Dependencies installed after the sources",
    "each change of a source installs all of them again",
    "copy the files that list them first, install, then copy the rest",
    "FROM python:3.11-slim-bookworm\nCOPY . .\n"
    "RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt\n",
    "Reported only: which files the installation needs is not in the Dockerfile.",
)
OWNED = Rule(
    "BG034",
    "A layer of chown -R",
    "each file whose owner changes is in the image twice",
    "use COPY --chown",
    "FROM debian:bookworm\nCOPY . /app\nRUN chown -R 1000 /app\n",
    "Reported only: COPY --chown changes the owners of directories that exist already less than chown does.",
)
LEFT_OUT = Rule(
    "BG035",
    "A source that .dockerignore leaves out",
    "COPY fails, or copies nothing",
    "take it back with a line that begins with ! behind the one that leaves it out",
    "",
    "Checked against `<Dockerfile>.dockerignore`, or the .dockerignore of the image's context; without a manifest, the one beside "
    "the Dockerfile.",
)
RELIANT = Rule(
    "BG036",
    "apt install without an update in the same step",
    "the lists come from a layer that may be cached for months: packages that have gone since are not found",
    "run apt-get update && apt-get install in one step",
    "FROM debian:bookworm\nRUN apt-get install -y git\n",
)
