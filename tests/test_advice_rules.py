"""Every rule: what it finds and what it leaves alone, which edit it makes, and the traps that get none."""

from __future__ import annotations

import pytest

from bakegen.advice import Finding, State, Surroundings, Value, check, improved
from bakegen.advice.rules import RULES
from bakegen.dockerfile.parser import parse

PYTHON = "FROM python:3.11-slim-bookworm\n"
DEBIAN = "FROM debian:bookworm\n"
PIP = "--mount=type=cache,id=pip-cp311-bookworm,target=/root/.cache/pip"
ARCHIVES = "--mount=type=cache,id=apt-bookworm-archives,target=/var/cache/apt,sharing=locked"
LISTS = "--mount=type=cache,id=apt-bookworm-lists,target=/var/lib/apt/lists,sharing=locked"
KEEP = (
    "rm -f /etc/apt/apt.conf.d/docker-clean \\\n    && echo 'Binary::apt::APT::Keep-Downloaded-Packages \"true\";'"
    " > /etc/apt/apt.conf.d/keep-cache \\\n    && "
)
HEAD = f"{ARCHIVES} \\\n    {LISTS} \\\n    {KEEP}"
MOUNTED = "RUN --mount=type=cache,target=/root/.cache/pip "


def rules(text: str, around: Surroundings | None = None) -> list[str]:
    """Return the rules that find something."""
    return [finding.rule for finding in check("Dockerfile", text, around or Surroundings())]


def one(text: str, rule: str, around: Surroundings | None = None) -> Finding:
    """Return the one finding of a rule."""
    (found,) = (f for f in check("Dockerfile", text, around or Surroundings()) if f.rule == rule)
    return found


def edited(text: str, *only: str, around: Surroundings | None = None) -> str:
    """Return the text with its edits made; a second run must change nothing."""
    around = around or Surroundings()
    found = improved("Dockerfile", text, around, only or None)
    again = improved("Dockerfile", found.text, around, only or None)
    assert (again.text, again.applied) == (found.text, ())
    return found.text


@pytest.mark.parametrize("rule", [rule for rule in RULES.values() if rule.before], ids=lambda rule: rule.id)
def test_the_example_of_each_rule(rule: object) -> None:
    assert rule in RULES.values()
    example, name = rule.before, rule.id  # type: ignore[attr-defined]
    assert name in rules(example)


def test_rules_are_told_apart() -> None:
    assert len({rule.title for rule in RULES.values()}) == len(RULES)
    assert [*RULES] == sorted(RULES)
    assert all(rule.before for rule in RULES.values() if rule.id != "BG035")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("RUN pip install a\n", f"RUN {PIP} \\\n    pip install a\n"),
        ("RUN pip install a", f"RUN {PIP} \\\n    pip install a"),
        ("RUN pip install \\\n  a\n", f"RUN {PIP} \\\n  pip install \\\n  a\n"),
        ("RUN \\\n\tpip install a\n", f"RUN \\\n\t{PIP} \\\n\tpip install a\n"),
        ("  RUN pip install a\n", f"  RUN {PIP} \\\n      pip install a\n"),
        ("RUN pip install a # b\n", f"RUN {PIP} \\\n    pip install a # b\n"),
        ("RUN --network=default pip install a\n", f"RUN --network=default {PIP} \\\n    pip install a\n"),
        ("RUN <<EOF\npip install a\nEOF\n", f"RUN {PIP} <<EOF\npip install a\nEOF\n"),
        ("RUN python -m pip install a\n", f"RUN {PIP} \\\n    python -m pip install a\n"),
        ("RUN /opt/venv/bin/pip3.11 install a\n", f"RUN {PIP} \\\n    /opt/venv/bin/pip3.11 install a\n"),
        ("RUN x && (cd y && pip install a)\n", f"RUN {PIP} \\\n    x && (cd y && pip install a)\n"),
        ("RUN pip install --no-cache-dir a\n", f"RUN {PIP} \\\n    pip install a\n"),
        (
            "RUN pip install \\\n    # why\n    --no-cache-dir \\\n    a\n",
            f"RUN {PIP} \\\n    pip install \\\n    # why\n    a\n",
        ),
        ("RUN pip install a --no-cache-dir\n", f"RUN {PIP} \\\n    pip install a\n"),
        ("RUN pip install a && pip cache purge\n", f"RUN {PIP} \\\n    pip install a\n"),
        ("RUN pip install a && rm -rf ~/.cache/pip\n", f"RUN {PIP} \\\n    pip install a\n"),
        ("RUN pip install a && rm -rf /root/.cache/pip/* /x\n", f"RUN {PIP} \\\n    pip install a && rm -rf /x\n"),
        (
            "ENV PIP_CACHE_DIR=/c/pip\nRUN pip install a\n",
            f"ENV PIP_CACHE_DIR=/c/pip\nRUN {PIP.replace('/root/.cache', '/c')} \\\n    pip install a\n",
        ),
        (
            "ENV XDG_CACHE_HOME=/srv/x\nRUN pip install a\n",
            f"ENV XDG_CACHE_HOME=/srv/x\nRUN {PIP.replace('/root/.cache', '/srv/x')} \\\n    pip install a\n",
        ),
        (
            "ARG TARGETARCH\nRUN pip install a\n",
            f"ARG TARGETARCH\nRUN {PIP.replace('bookworm', 'bookworm-${TARGETARCH}')} \\\n    pip install a\n",
        ),
        ('ARG V=1\nRUN pip install a==$V "b==${V}"\n', f'ARG V=1\nRUN {PIP} \\\n    pip install a==$V "b==${{V}}"\n'),
    ],
)
def test_pip_gets_its_mount(before: str, after: str) -> None:
    assert edited(PYTHON + before) == PYTHON + after


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("USER app\nRUN pip install a\n", "runs as app"),
        ("USER 1000:1000\nRUN pip install a\n", "runs as 1000"),
        ("RUN sudo pip install a\n", "sudo"),
        ("ARG OPTIONS\nRUN pip install $OPTIONS a\n", "a variable may bring in options"),
        ('ENV OPTIONS="--no-cache-dir -q"\nRUN pip install ${OPTIONS} a\n', "a variable may bring in options"),
        ("ENV HOME=/home/app\nRUN pip install a\n", "useradd"),
        ("ARG HOME\nRUN pip install a\n", "cannot be told"),
        ("ENV CMAKE_ARGS=-DX=on\nRUN pip install a\n", "CMAKE_ARGS"),
        ("RUN CFLAGS=-O0 pip install a\n", "CFLAGS"),
        ("RUN pip install --no-binary :all: a\n", "--no-binary"),
        ("RUN pip install a && rm -rf /root/.cache\n", "cannot be removed"),
        ("RUN pip install a && rm -rf ~/.cache/*\n", "cannot be removed"),
        ("RUN pip install a && rm -rf $X\n", "may touch"),
        ("RUN pip install a && cd /root && rm -rf .cache\n", "cannot be removed"),
        ("RUN pip install a && chown -R 1000 /root\n", "may touch"),
        ("RUN pip install a && find / -name x -delete\n", "may touch"),
        ("RUN pip install a ; rm -rf /root/.cache/pip\n", "cannot be taken out"),
        ("RUN pip install a || rm -rf /root/.cache/pip\n", "cannot be taken out"),
        ("RUN pip install a\nRUN cp -r /root/.cache/pip /wheels\n", "looks into"),
        ("VOLUME /root\nRUN pip install a\n", "looks into"),
        ('RUN ["pip", "install", "a"]\n', "exec form"),
        ('SHELL ["conda", "run", "-n", "x", "/bin/bash", "-c"]\nRUN pip install a\n', "its shell is conda"),
        ('SHELL ["pwsh", "-Command"]\nRUN pip install a\n', "its shell is pwsh"),
        ("RUN bash <<EOF\npip install a\nEOF\nRUN bash <<EOF && pip install b\nx\nEOF\n", "heredoc"),
        ("RUN if true; then pip install a\n", "cannot be read"),
        ("RUN --mount=type=tmpfs,target=/root/.cache pip install a\n", "another mount"),
        ("ARG PIP_NO_CACHE_DIR=1\nRUN pip install a\n", "PIP_NO_CACHE_DIR"),
        ("RUN sh -c 'pip install --no-cache-dir a'\n", "no place of its own"),
        ("RUN <<EOF\npip install --no-cache-dir a\nEOF\n", "no place of its own"),
    ],
)
def test_where_pip_is_reported_and_not_edited(text: str, why: str) -> None:
    found = one(PYTHON + text, "BG004")
    assert found.edits == ()
    assert why in found.fix
    assert edited(PYTHON + text, "BG004") == PYTHON + text


@pytest.mark.parametrize(
    "text",
    [
        "ONBUILD RUN pip install a\n",
        f"{MOUNTED}pip install a\n",
        "RUN --mount=type=cache,target=/root/.cache pip install a\n",
        "RUN pip list\n",
        "RUN --network=none pip install ./wheels/a.whl\n",
        "RUN echo pip install a\n",
    ],
)
def test_where_pip_needs_no_mount(text: str) -> None:
    assert "BG004" not in rules(PYTHON + text)


def test_files_for_windows_are_left_alone() -> None:
    text = "# escape=`\nFROM mcr.microsoft.com/windows/servercore:ltsc2022\nRUN pip install a\n"
    assert rules(text) == []


@pytest.mark.parametrize("syntax", ["docker/dockerfile:1.0", "example.com/other:1"])
def test_an_old_frontend_gets_no_mounts(syntax: str) -> None:
    text = f"# syntax={syntax}\n{PYTHON}RUN pip install a\n"
    assert "may not know cache mounts" in one(text, "BG004").fix


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "RUN apt-get update && apt-get install -y a && rm -rf /var/lib/apt/lists/*\n",
            f"RUN {HEAD}apt-get update && apt-get install -y a\n",
        ),
        (
            (
                "RUN apt-get update \\\n    && apt-get install -y a \\\n    && apt-get clean \\\n"
                "    # tidy\n    && rm -rf /var/lib/apt/lists/* \\\n    && b\n"
            ),
            f"RUN {HEAD}apt-get update \\\n    && apt-get install -y a \\\n    # tidy\n    && b\n",
        ),
        (
            (
                "RUN apt-get update && \\\n    apt-get install -y a && \\\n    apt-get clean && \\\n"
                "    rm -rf /var/lib/apt/lists/* /tmp/*\n"
            ),
            f"RUN {HEAD}apt-get update && \\\n    apt-get install -y a && \\\n    rm -rf /tmp/*\n",
        ),
        (
            "RUN set -eux; \\\n    apt-get update; \\\n    apt-get install -y a; \\\n    rm -rf /var/lib/apt/lists/*\n",
            f"RUN {HEAD}set -eux; \\\n    apt-get update; \\\n    apt-get install -y a\n",
        ),
        (
            "RUN apt-get update && apt-get install -y a\nRUN apt-get update && apt-get install -y b\n",
            (
                f"RUN {HEAD}apt-get update && apt-get install -y a\n"
                f"RUN {ARCHIVES} \\\n    {LISTS} \\\n    apt-get update && apt-get install -y b\n"
            ),
        ),
    ],
)
def test_apt_gets_its_mounts(before: str, after: str) -> None:
    assert edited(DEBIAN + before, "BG001") == DEBIAN + after


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "RUN apt-get update\nRUN apt-get update && apt-get install -y a\nRUN apt-get install -y b\n",
            "another step has left",
        ),
        ("RUN apt-get update && apt-get install -y a\nRUN ./install.sh\n", "may need them"),
        ("RUN apt-get update && apt-get install -y a && rm -rf /var/lib/apt\n", "cannot be removed"),
        ("RUN apt-get update && apt-get install -y a && rm -rf /var/lib/apt/*\n", "cannot be removed"),
        ("RUN apt-get update && apt-get install -y a; rm -rf /var/lib/apt/lists/*\n", "cannot be taken out"),
        ("RUN apt-get update & apt-get install -y a\n", "background"),
        ("RUN apt-get update && apt-get -o Dir::Cache=/x install -y a\n", "elsewhere"),
        ("RUN apt-get update && apt-get install -o RootDir=/x -y a\n", "elsewhere"),
        ("ENV APT_CONFIG=/x\nRUN apt-get update && apt-get install -y a\n", "elsewhere"),
        ("RUN apt-get update && apt-get install -dy a && dpkg -i /var/cache/apt/archives/*.deb\n", "may touch"),
        ("RUN apt-get update && apt-get install -y a\nCOPY --from=0 /var/cache/apt /x\n", "looks into"),
        (
            (
                "RUN apt-get update && apt-get install -y a && rm -rf /var/lib/apt/lists/*\n"
                "RUN apt-get update && apt-get install -y $B && rm -rf /var/lib/apt/lists/*\n"
            ),
            "needs docker-clean",
        ),
    ],
)
def test_where_apt_is_reported_and_not_edited(text: str, why: str) -> None:
    found = [f for f in check("Dockerfile", DEBIAN + text) if f.rule == "BG001"]
    assert why in found[0].fix
    assert not found[0].edits


def test_apt_leaves_lists_that_a_child_needs() -> None:
    text = f"{DEBIAN}RUN apt-get update && apt-get install -y a\n"
    child = "FROM base\nRUN apt-get install -y b\n"
    assert "an image built on this one" in one(text, "BG001", Surroundings(children=(child,))).fix
    fine = f"FROM base\nRUN {ARCHIVES} {LISTS} apt-get update && apt-get install -y b\n"
    assert one(text, "BG001", Surroundings(children=(fine,))).edits


@pytest.mark.parametrize(
    ("before", "after", "rule"),
    [
        (
            "FROM node:22-bookworm\nRUN npm ci && npm cache clean --force\n",
            "FROM node:22-bookworm\nRUN --mount=type=cache,id=npm-bookworm,target=/root/.npm \\\n    npm ci\n",
            "BG008",
        ),
        (
            f"{PYTHON}RUN uv sync --no-cache\n",
            f"{PYTHON}RUN --mount=type=cache,id=uv-cp311-bookworm,target=/root/.cache/uv \\\n    uv sync\n",
            "BG005",
        ),
    ],
)
def test_other_tools_get_their_mounts(before: str, after: str, rule: str) -> None:
    assert edited(before, rule) == after


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("FROM alpine:3.20\nRUN apk add --no-cache a\n", "BG002"),
        ("FROM python:3.11-slim-bookworm\nENV UV_LINK_MODE=symlink\nRUN uv sync\n", "BG005"),
        ("FROM golang:1.23-bookworm\nRUN go mod download\n", "BG020"),
        ("FROM golang:1.23 AS b\nRUN go mod download\nRUN make\nFROM scratch\nCOPY --from=b /a /a\n", "BG020"),
        ("FROM golang:1.23 AS b\nRUN --mount=type=ssh go mod download\nFROM scratch\nCOPY --from=b /a /a\n", "BG020"),
        (
            "FROM rust:1.82 AS b\nRUN cargo fetch\nRUN cargo build --offline\nFROM scratch\nCOPY --from=b /a /a\n",
            "BG011",
        ),
        ("FROM fedora:41\nRUN dnf install -y a\n", "BG003"),
        ("FROM node:22\nRUN yarn install\n", "BG009"),
        ("FROM someone/else:1\nRUN npm ci\n", "BG008"),
    ],
)
def test_other_tools_are_reported_where_an_edit_might_break(text: str, rule: str) -> None:
    found = [f for f in check("Dockerfile", text) if f.rule == rule]
    assert found
    assert not any(f.edits for f in found)


def test_root_is_known_by_what_it_does() -> None:
    text = "FROM someone/else:1\nRUN apt-get update && apt-get install -y a\nRUN npm ci\n"
    assert "id=npm-else-1,target=/root/.npm" in edited(text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"{MOUNTED}pip install --no-cache-dir a\n", f"{MOUNTED}pip install a\n"),
        (f"ENV PIP_NO_CACHE_DIR=1\n{MOUNTED}pip install a\n", f"{MOUNTED}pip install a\n"),
        (f"ENV PIP_NO_CACHE_DIR 1\n{MOUNTED}pip install a\n", f"{MOUNTED}pip install a\n"),
        (
            f"ENV A=1 \\\n    PIP_NO_CACHE_DIR=off \\\n    B=2\n{MOUNTED}pip install a\n",
            f"ENV A=1 \\\n    B=2\n{MOUNTED}pip install a\n",
        ),
        (f"ENV PIP_NO_CACHE_DIR=1 A=1\n{MOUNTED}pip install a\n", f"ENV A=1\n{MOUNTED}pip install a\n"),
        (f"ENV A=1 \\\n    PIP_NO_CACHE_DIR=1\n{MOUNTED}pip install a\n", f"ENV A=1\n{MOUNTED}pip install a\n"),
    ],
)
def test_what_turns_a_cache_off_goes(before: str, after: str) -> None:
    assert one(PYTHON + before, "BG012").what.startswith("cache mount is inert: ")
    assert edited(PYTHON + before, "BG012") == PYTHON + after


def test_a_variable_goes_once_every_step_has_its_mount() -> None:
    before = f"{PYTHON}ENV PIP_NO_CACHE_DIR=1\nRUN pip install a\nRUN pip install b\n"
    assert edited(before) == f"{PYTHON}RUN {PIP} \\\n    pip install a\nRUN {PIP} \\\n    pip install b\n"


@pytest.mark.parametrize(
    "text",
    [
        f"ENV PIP_NO_CACHE_DIR=1\n{MOUNTED}pip install a\nUSER x\nRUN pip install b\n",  # b's cache would be in the image
        f"ARG PIP_NO_CACHE_DIR=1\n{MOUNTED}pip install a\n",
        f"ENV PIP_NO_CACHE_DIR=1\nENV X=$PIP_NO_CACHE_DIR\n{MOUNTED}pip install a\n",
        f"{MOUNTED}PIP_NO_CACHE_DIR=1 pip install a\n",
        f"ENV CFLAGS=-O0\n{MOUNTED}pip install --no-cache-dir a\n",
    ],
)
def test_what_turns_a_cache_off_stays_where_more_hangs_on_it(text: str) -> None:
    assert one(PYTHON + text, "BG012").edits == ()
    assert edited(PYTHON + text, "BG012") == PYTHON + text


def test_an_inherited_variable_is_named_with_its_place() -> None:
    parent = State(
        {"PIP_NO_CACHE_DIR": Value("1", "docker/base/Dockerfile:9")}, Value(""), distro="bookworm", complete=True
    )
    found = one(f"FROM base\n{MOUNTED}pip install a\n", "BG012", Surroundings(parents={"base": parent}))
    assert found.what == "cache mount is inert: PIP_NO_CACHE_DIR=1 is set by docker/base/Dockerfile:9"
    assert found.edits == ()


def test_a_parent_loses_the_variable_that_its_children_suffer_from() -> None:
    base = f"{PYTHON}ENV PIP_NO_CACHE_DIR=1\n"
    mounted = f"FROM base\n{MOUNTED}pip install a\n"
    assert edited(base, around=Surroundings(children=(mounted,))) == PYTHON
    bare = "FROM base\nRUN pip install a\n"
    assert edited(base, around=Surroundings(children=(mounted, bare))) == base


@pytest.mark.parametrize("value", ["0", "false", "no"])
def test_what_pip_and_uv_take_for_no(value: str) -> None:
    assert "BG012" in rules(f"{PYTHON}ENV PIP_NO_CACHE_DIR={value}\n{MOUNTED}pip install a\n")
    assert "BG012" not in rules(
        f"{PYTHON}ENV UV_NO_CACHE={value}\nRUN --mount=type=cache,target=/root/.cache/uv uv sync\n"
    )


@pytest.mark.parametrize(
    ("text", "rule", "what"),
    [
        (f"{MOUNTED}pip install a && rm -rf /root/.cache/pip/*\n", "BG013", "`rm /root/.cache/pip/*` empties it"),
        (f"RUN {ARCHIVES} {LISTS} apt-get update && apt-get clean\n", "BG013", "`apt-get clean` empties it"),
        (
            "USER app\nENV HOME=/home/app\n" + MOUNTED + "pip install a\n",
            "BG014",
            "pip as app keeps its cache in /home/app/.cache/pip",
        ),
        (
            "USER 1000\nENV HOME=/srv\nRUN --mount=type=cache,target=/srv/.cache/pip pip install a\n",
            "BG014",
            "belongs to root",
        ),
        ("RUN --mount=type=cache,target=/var/lib/apt true\n", "BG016", "all of /var/lib/apt"),
        (f"{MOUNTED}pip install a && rm -rf /root/.cache\n", "BG017", "cannot remove /root/.cache/pip"),
        (f"{MOUNTED}pip install a && rm -rf /root/.cache/pip\n", "BG017", "cannot remove /root/.cache/pip"),
        ("RUN pip install pydantic>=2\n", "BG032", "pydantic>=2 is not quoted"),
        ("RUN pip install a[b]<3 c\n", "BG032", "a[b]<3 is not quoted"),
        ("COPY . .\nRUN pip install -r requirements.txt\n", "BG033", "after line 2"),
        ("WORKDIR /app\nCOPY x .\nRUN chown -R app .\n", "BG034", "line 3"),
        ("RUN apt-get install -y a\n", "BG036", "without an update"),
    ],
)
def test_what_is_found(text: str, rule: str, what: str) -> None:
    assert what in one(PYTHON + text, rule).what


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (f"{MOUNTED}pip install a && rm -rf /tmp/x\n", "BG013"),
        (f"{MOUNTED}pip install a && rm -rf /root/.cache/other\n", "BG017"),
        ("USER 1000\nENV HOME=/srv\nRUN --mount=type=cache,uid=1000,target=/srv/.cache/pip pip install a\n", "BG014"),
        ("RUN pip install 'pydantic>=2'\n", "BG032"),
        ("RUN pip install a > log.txt\n", "BG032"),
        ("RUN pip install a 2>1\n", "BG032"),
        ("COPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .\n", "BG033"),
        (
            "COPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .\nRUN pip install -r more.txt\n",
            "BG033",
        ),
        ("COPY . .\nRUN pip install .\n", "BG033"),
        ("COPY --from=x . .\nRUN pip install -r requirements.txt\n", "BG033"),
        ("COPY --chown=app x /app/\nRUN chown -R app /app\n", "BG034"),
        ("COPY x /app/\nRUN chown -R app /home/app\n", "BG034"),
        ("RUN apt-get update && apt-get install -y a\n", "BG036"),
    ],
)
def test_what_is_left_alone(text: str, rule: str) -> None:
    assert rule not in rules(PYTHON + text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM python\n", ["BG030"]),
        ("FROM python:latest\n", ["BG030"]),
        ("ARG V=latest\nFROM python:${V}\n", ["BG030"]),
        ("FROM python:3.11\n", []),
        (f"FROM python@sha256:{'0' * 64}\n", ["BG031"]),
        (f"FROM python:3.11@sha256:{'0' * 64}\n", []),
        ("FROM scratch\nFROM python:3.11 AS x\nFROM x\n", []),
        ("FROM family/base\n", []),
    ],
)
def test_bases(text: str, expected: list[str]) -> None:
    assert rules(text, Surroundings(images=frozenset({"family/base:latest", "family/base"}))) == expected


def test_apt_mounts_get_their_lock_and_lose_docker_clean() -> None:
    run = "RUN --mount=type=cache,target=/var/cache/apt --mount=type=cache,target=/var/lib/apt/lists,sharing=shared \\\n    "
    locked = (
        "RUN --mount=type=cache,target=/var/cache/apt,sharing=locked "
        "--mount=type=cache,target=/var/lib/apt/lists,sharing=locked \\\n    "
    )
    body = "apt-get update && apt-get install -y a\n"
    assert edited(DEBIAN + run + body, "BG015") == DEBIAN + locked + body
    assert edited(DEBIAN + run + body) == DEBIAN + locked + KEEP + body


def test_an_id_that_unlike_steps_share() -> None:
    run = "RUN --mount=type=cache,id=x,target=/x a\n"
    assert "stands on bookworm, not on trixie" in one(f"{DEBIAN}{run}FROM debian:trixie\n{run}", "BG018").what
    assert "BG018" not in rules(f"{DEBIAN}{run}FROM python:3.11-bookworm\n{run}")
    both = Surroundings(platforms=("linux/amd64", "linux/arm64"))
    assert "shared by amd64 and arm64" in one(DEBIAN + run, "BG018", both).what
    assert "BG018" not in rules(DEBIAN + "ARG TARGETARCH\n" + run.replace("=x,", "=x-${TARGETARCH},"), both)


def test_what_dockerignore_leaves_out() -> None:
    around = Surroundings(ignore=("docs", "*.md"))
    assert "line 2 of .dockerignore, *.md" in one(f"{DEBIAN}COPY README.md /\n", "BG035", around).what
    assert "BG035" not in rules(f"{DEBIAN}COPY src /src\n", around)
    assert "BG035" not in rules(f"{DEBIAN}COPY README.md /\n")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("escape", ["\\", "`"])
def test_bytes_that_no_edit_names_survive(end: str, mark: str, last: bool, escape: str) -> None:
    lines = [
        *(["# escape=`"] if escape == "`" else []),
        "# a comment",
        "",
        "FROM  debian:bookworm ",
        f"RUN apt-get update {escape}",
        "  # another",
        f"\t&& apt-get install -y a {escape}",
        "\t&& rm -rf /var/lib/apt/lists/*",
    ]
    text = mark + end.join(lines) + (end if last else "")
    new = edited(text)
    assert new.startswith(mark + end.join(lines[: lines.index("FROM  debian:bookworm ") + 1]) + end + "RUN --mount=")
    assert f"{end}  # another{end}\t&& apt-get install -y a" in new
    assert new.endswith("apt-get install -y a" + (end if last else ""))
    assert ("\n" in new.replace("\r\n", "")) is (end == "\n")
    assert [i.name for i in parse(new).instructions] == ["FROM", "RUN"]
