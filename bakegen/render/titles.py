"""What a step of a build does, in few words: the instruction as BuildKit names it, without its flags and ceremony."""

from __future__ import annotations

import re

_FLAGS = re.compile(r"--(?:mount|network|security)=(?:\"[^\"]*\"|\S)+ ")
_INSTALL = re.compile(r"(?:uv pip install|python /tmp/pip-install\.py) (?P<words>.*?) && ")
_APT = re.compile(r"apt-get install --yes --no-install-recommends +(?P<words>.*)")
_PLACES = re.compile(r"--(?:config-file|cache-dir|link-mode|index-url|constraint) \S+|--compile-bytecode")


def brief(instruction: str) -> str:
    """Return ``pip docker/asr/requirements.txt`` and the like for the steps of bakegen's templates, else the instruction."""
    text = " ".join(_FLAGS.sub("", instruction.removeprefix("LINK ")).replace("COPY --link ", "COPY ").split())
    if match := _INSTALL.search(text):
        words = _PLACES.sub("", match["words"]).replace("--requirement /tmp/requirements/", "")
        return "pip " + " ".join(words.split())
    if match := _APT.search(text):
        return "apt " + match["words"]
    return text
