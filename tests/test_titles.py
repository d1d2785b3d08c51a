"""What steps are called while they run."""

from __future__ import annotations

import pytest

from bakegen.project import load
from bakegen.render.titles import brief
from tests.support import ROOT


@pytest.mark.parametrize(
    ("instruction", "title"),
    [
        ("RUN --mount=type=cache,id=a,target=/b make all", "RUN make all"),
        ('RUN --mount=type=bind,"source=a b",target=/c --network=none make', "RUN make"),
        ("LINK COPY --link docker/asr/stage.py /app/stage.py", "COPY docker/asr/stage.py /app/stage.py"),
        ("RUN echo --mount=x", "RUN echo --mount=x"),
        ("WORKDIR /app", "WORKDIR /app"),
    ],
)
def test_flags_and_ceremony_are_left_out(instruction: str, title: str) -> None:
    assert brief(instruction) == title


def test_the_steps_of_the_templates_say_what_they_install() -> None:
    text = load(ROOT / "bakegen.yaml").render()["docker/base-ml/Dockerfile"].replace("\\\n", "")
    titles = [brief(line) for line in text.splitlines() if line.startswith("RUN")]
    assert titles[-2:] == ["pip torch==2.1.2 torchaudio==2.1.2", "pip docker/base-ml/requirements.txt"]
    apt = load(ROOT / "bakegen.yaml").render()["docker/base/Dockerfile"].replace("\\\n", "")
    assert "apt ca-certificates ffmpeg git libsndfile1 wget" in [brief(line) for line in apt.splitlines()]
