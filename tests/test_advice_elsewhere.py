"""Files in which something beyond the step needs what a mount would take out of the image: they get no edit."""

from __future__ import annotations

import pytest

from bakegen.advice import Surroundings, improved

PYTHON = "FROM python:3.11-slim-bookworm\n"
NODE = "FROM node:22-bookworm\n"
GO = "FROM golang:1.23-bookworm\n"
END = "\nFROM scratch\nCOPY --from=0 /x /x"


@pytest.mark.parametrize(
    "text",
    [
        PYTHON + "RUN pip install a\nRUN rm -r /root/.cache/pip",  # neither directory is there once a mount was
        PYTHON + "RUN pip install a\nRUN chmod -R a+rX /root/.cache",
        PYTHON + "RUN pip install a\nRUN echo b > /root/.cache/pip/c",
        PYTHON + "RUN pip install a && echo b > /root/.cache/pip/c",
        PYTHON + "RUN pip install a\nRUN cp -r $(pip cache dir) /keep",
        PYTHON + "RUN pip install a\nRUN pip cache purge",
        PYTHON + "COPY wheels /root/.cache/pip/\nRUN pip install a",
        PYTHON + "COPY --from=x /wheels /root/.cache/pip/\nRUN pip install a",
        PYTHON + "WORKDIR /root\nADD wheels.tar .cache/pip\nRUN pip install a",
        PYTHON + "RUN pip install a\nWORKDIR /root/.cache/pip/x",
        PYTHON + "RUN pip install a\nFROM scratch\nARG D=/root/.cache\nCOPY --from=0 $D /x",
        PYTHON + "RUN pip install a\nFROM scratch\nARG D\nCOPY --from=0 $D /x",
        PYTHON + "RUN pip install --target /root/.cache/pip/lib a",
        PYTHON + "RUN pip install -t/root/.cache/pip/lib a",
        PYTHON + "RUN pip download --dest=/root/.cache/pip/w a",
        PYTHON + "ENV PIP_CACHE_DIR=/opt/c HF_HOME=/opt/c/hf\nRUN pip install a",
        PYTHON + "RUN uv pip install a\nRUN uv pip install --offline a",
        PYTHON + "RUN uv sync --script a.py",
        PYTHON + "RUN uv sync\nENV UV_OFFLINE=1",
        NODE + "RUN npm install a\nRUN npm ci --prefer-offline",
        NODE + 'RUN npm ci && npx a --help\nCMD ["npx", "a"]',
        NODE + "ENV NPM_CONFIG_PREFIX=/root/.npm/global\nRUN npm install -g a",
        GO + "RUN go mod download\nRUN cp -r /go /x" + END,
        PYTHON + "RUN pip install a; rm -rf /root/.cache/pip; exit $?",
    ],
)
def test_no_edit_where_the_cache_is_needed(text: str) -> None:
    assert improved("Dockerfile", text).text == text


@pytest.mark.parametrize(
    "text",
    [
        PYTHON + "RUN pip install a\nRUN rm -rf /root/.cache",
        PYTHON + "RUN pip install a\nRUN mkdir -p /root/.cache/huggingface && cp a /root/",
        PYTHON + "RUN pip install --cache-dir /tmp/c a",
        PYTHON + "ENV PIP_CACHE_DIR=/opt/c\nRUN pip install a",
        PYTHON + "RUN pip install a\nFROM scratch\nCOPY --from=0 /opt/venv /opt/venv",
        PYTHON + "WORKDIR /app\nCOPY . .\nRUN pip install a && rm -rf /root/.cache/pip; echo done",
        NODE + "RUN npm ci && npx tsc",
        GO + "RUN go mod download\nRUN cp a /usr/local/go/x" + END,
    ],
)
def test_what_does_not_need_it_is_no_obstacle(text: str) -> None:
    assert improved("Dockerfile", text).text != text


@pytest.mark.parametrize(
    "child", ["FROM base\nRUN ls /root/.cache/pip", "FROM x\nCOPY --from=base /root/.cache /c", "not a Dockerfile"]
)
def test_an_image_built_on_it_may_need_the_cache(child: str) -> None:
    text = PYTHON + "RUN pip install a"
    assert improved("Dockerfile", text, Surroundings(children=(child,))).text == text
    assert improved("Dockerfile", text, Surroundings(children=("FROM base\nRUN ls /root",))).text != text


OFF = PYTHON + "ENV PIP_NO_CACHE_DIR=1\nRUN pip install a\n"


@pytest.mark.parametrize(
    "line",
    [
        "RUN xargs pip install <list",
        "RUN ./install.sh",
        "RUN curl x | sh",
        "RUN <<EOF\nxargs pip install <list\nEOF",
        'RUN ["timeout", "60", "pip", "install", "b"]',
        "RUN su app -c 'pip install b'",
        "RUN pipx install b",
        "RUN python -m build",
        "RUN . ./setup.sh",
        "ONBUILD RUN pip install b",
        'ENTRYPOINT ["pip", "install", "b"]',
    ],
)
def test_a_variable_stays_where_a_call_of_its_tool_may_be_hidden(line: str) -> None:
    assert "ENV PIP_NO_CACHE_DIR=1\n" in improved("Dockerfile", OFF + line).text
    child = Surroundings(children=(f"FROM base\n{line}",))
    assert "ENV PIP_NO_CACHE_DIR=1\n" in improved("Dockerfile", OFF, child).text


@pytest.mark.parametrize(
    "line", ["RUN . /venv/bin/activate && python manage.py x", "CMD python -m app", "RUN mkdir pip"]
)
def test_a_variable_goes_where_no_call_can_be_hidden(line: str) -> None:
    assert "PIP_NO_CACHE_DIR" not in improved("Dockerfile", OFF + line).text


APT = "FROM debian:bookworm\nRUN apt-get update && apt-get install -y git && rm -rf /var/lib/apt/lists/*\n"


@pytest.mark.parametrize("line", ["RUN ./install.sh", "RUN curl x | bash -s -- a", "RUN rosdep install a"])
def test_docker_clean_stays_for_what_may_install(line: str) -> None:
    assert improved("Dockerfile", APT + line, only=["BG001"]).text == APT + line
    assert improved("Dockerfile", APT, Surroundings(children=(f"FROM base\n{line}",)), only=["BG001"]).text == APT


@pytest.mark.parametrize(
    "line", ["RUN apt-get source a", "RUN apt-get download a", "RUN apt policy a", "RUN gdebi a.deb"]
)
def test_lists_stay_for_what_reads_them(line: str) -> None:
    text = APT.replace(" && rm -rf /var/lib/apt/lists/*", "") + line
    assert improved("Dockerfile", text, only=["BG001"]).text == text


@pytest.mark.parametrize("line", ["RUN apt list --installed", "RUN sh -c true", "RUN make"])
def test_what_neither_reads_lists_nor_installs_is_no_obstacle(line: str) -> None:
    assert improved("Dockerfile", APT + line, only=["BG001"]).text != APT + line


UNREAD = "FROM quay.io/jupyter/base-notebook:2024-10-07\nUSER root\n"  # it sets HOME=/home/jovyan


@pytest.mark.parametrize(
    "line",
    [
        "RUN pip install --no-cache-dir a",
        "RUN pip install a && pip cache purge",
        "RUN pip install a && rm -rf ~/.cache/pip",
        'RUN pip install a && rm -rf "${HOME}/.cache/pip"',
        "RUN npm ci && npm cache clean --force",
        "ENV PIP_NO_CACHE_DIR=1\nRUN pip install a",
        "ENV PIP_NO_CACHE_DIR=1\nRUN --mount=type=cache,target=/root/.cache/pip pip install a",
        "RUN --mount=type=cache,target=/root/.cache/pip pip install --no-cache-dir a",
        "RUN --mount=type=cache,target=/root/.cache/pip pip install a && rm -rf ~/.cache/pip/*",
    ],
)
def test_an_unread_base_may_keep_the_cache_elsewhere(line: str) -> None:
    assert improved("Dockerfile", UNREAD + line).text == UNREAD + line
    assert improved("Dockerfile", PYTHON + line).text != PYTHON + line
    assert improved("Dockerfile", f"{UNREAD}ENV HOME=/root\n{line}").text != f"{UNREAD}ENV HOME=/root\n{line}"


def test_a_mount_alone_does_no_harm_on_an_unread_base() -> None:
    assert "--mount=type=cache" in improved("Dockerfile", UNREAD + "RUN pip install a").text
    given = UNREAD + "RUN pip install --no-cache-dir --cache-dir /tmp/c a"
    assert "--no-cache-dir" not in improved("Dockerfile", given).text
