"""A repository as teams have them: 15 Dockerfiles in directories unlike the images' names, and scripts that build them."""

from __future__ import annotations

from pathlib import Path

#: image: directory, tag, parent's tag ("" for the two bases), where its packages come from
IMAGES = {
    "base-cpu": ("common/python_light", "base:cpu", ""),
    "base-cuda": ("common/nvidia", "base:cuda", ""),
    "base-ml": ("common/torch_stack", "base-ml:latest", "base:cuda"),
    "demux": ("01_extract_audio", "demux:latest", "base:cpu"),
    "mux": ("12_merge", "mux:latest", "base:cpu"),
    "tmdb": ("metadata", "tmdb:latest", "base:cpu"),
    "pre-ner": ("04_names_before", "pre-ner:latest", "base:cpu"),
    "post-ner": ("10_names_after", "post-ner:latest", "base:cpu"),
    "subtitle-gen": ("11_srt", "subtitle-gen:latest", "base:cpu"),
    "asr": ("05_whisper", "asr:latest", "base-ml:latest"),
    "diarization": ("06_who_speaks", "diarization:latest", "base-ml:latest"),
    "pyannote-vad": ("02_vad_heavy", "pyannote-vad:latest", "base-ml:latest"),
    "silero-vad": ("03_vad_light", "silero-vad:latest", "base-ml:latest"),
    "second-pass-translation": ("09_marian", "second-pass-translation:latest", "base-ml:latest"),
    "lyrics-detection": ("07_music", "lyrics-detection:latest", "base-ml:latest"),
}
REGISTRY = "registry.example/subs"
BASES = {"base-cpu": "python:3.11-slim", "base-cuda": "nvidia/cuda:12.1.0-cudnn8-runtime-ubuntu22.04"}
_MOUNT = "--mount=type=cache,target=/root/.cache/pip "
#: Images whose author had tried a cache mount.
TRIED = frozenset({"asr", "demux", "pre-ner", "base-cpu"})

BASE = """\
FROM {base}
{setup}
# wheels only make the image bigger
ENV PYTHONUNBUFFERED=1 \\
    PIP_NO_CACHE_DIR=1

RUN {apt}apt-get update && apt-get install -y --no-install-recommends {packages} \\
    && rm -rf /var/lib/apt/lists/*
{more}
WORKDIR /app
COPY services/{directory}/requirements.txt .
RUN {pip}pip install -r requirements.txt
"""
SERVICE = """\
ARG REGISTRY={registry}
FROM ${{REGISTRY}}/{parent}

WORKDIR /app
COPY services/{directory}/requirements.txt ./
RUN {pip}pip install -r requirements.txt   # pinned by the team
COPY services/{directory}/ .

CMD ["python", "main.py"]
"""


def dockerfile(name: str, setup: str = "") -> str:
    """Return the Dockerfile of an image as its authors wrote it; ``setup`` are lines for the bases."""
    directory, _, parent = IMAGES[name]
    pip = _MOUNT if name in TRIED else ""
    if parent:
        return SERVICE.format(registry=REGISTRY, parent=parent, directory=directory, pip=pip)
    apt = "--mount=type=cache,target=/var/cache/apt " if name == "base-cpu" else ""
    packages = "bc" if name == "base-cpu" else "bc python3-pip"
    more = "" if name == "base-cpu" else "RUN ln -sf /usr/bin/python3 /usr/local/bin/python"
    values = {
        "base": BASES[name],
        "apt": apt,
        "packages": packages,
        "more": more,
        "directory": directory,
        "pip": pip,
        "setup": setup,
    }
    return BASE.format(**values)


def texts(setup: str = "") -> dict[str, str]:
    """Return every file of the repository by its path."""
    found = {f"services/{IMAGES[name][0]}/Dockerfile": dockerfile(name, setup) for name in IMAGES}
    for name, (directory, _, _) in IMAGES.items():
        found[f"services/{directory}/requirements.txt"] = "alpha==1.0\n" if name == "base-cpu" else "gamma==2.0\n"
        found[f"services/{directory}/main.py"] = f'print("{name}")\n'
    found["docker-compose.yml"] = _compose()
    found["scripts/build_all.sh"] = _shell()
    found["scripts/build_all.bat"] = _batch().replace("\n", "\r\n")
    found["README.md"] = "# Subtitles\n"
    return found


def _compose() -> str:
    lines = ["services:"]
    for name, (_, tag, parent) in IMAGES.items():
        if parent and name != "base-ml":
            lines += [f"  {name}:", f"    image: ${{REGISTRY:-{REGISTRY}}}/{tag}", "    volumes: [./data:/data]"]
    return "\n".join(lines) + "\n"


def _shell() -> str:
    lines = [
        "#!/usr/bin/env bash",
        "set -euo pipefail",
        'cd "$(dirname "$0")/.."',
        f'REGISTRY="${{REGISTRY:-{REGISTRY}}}"',
        "",
    ]
    for directory, tag, parent in IMAGES.values():
        argument = ' --build-arg REGISTRY="$REGISTRY"' if parent else ""
        lines.append(f'docker build -t "$REGISTRY/{tag}"{argument} -f services/{directory}/Dockerfile .')
    return "\n".join(lines) + "\n"


def _batch() -> str:
    lines = ["@echo off", f'if "%REGISTRY%"=="" set REGISTRY={REGISTRY}', 'cd /d "%~dp0.."']
    for directory, tag, parent in IMAGES.values():
        argument = " --build-arg REGISTRY=%REGISTRY%" if parent else ""
        path = f"services/{directory}/Dockerfile".replace("/", "\\")
        lines += [f"docker build -t %REGISTRY%/{tag}{argument} -f {path} .", "if errorlevel 1 exit /b 1"]
    return "\n".join(lines) + "\n"


def write_repository(root: Path, setup: str = "") -> Path:
    """Write the repository below ``root``, which is called ``subs`` then, and return where."""
    top = root / "subs"
    for path, text in texts(setup).items():
        file = top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
    return top
