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
