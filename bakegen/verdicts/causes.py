"""Why a mount kept nothing, and which mount it was before its id changed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from bakegen.trace.model import CacheUse
from bakegen.verdicts.commands import Call, Script
from bakegen.verdicts.downloads import Download, Tool
from bakegen.verdicts.model import Usage, amount

#: what pip 24.0 prints when its cache belongs to another user, measured
_DISABLED = re.compile(r"WARNING: The directory '([^']+)' or its parent directory is not owned or is not writable")
_COMMAND = re.compile(r"cached mount (\S+) from exec (?:/bin/sh -c )?(.*?)(?: with id \".*)?", re.DOTALL)
_NAMES = {"archives": "apt", "lists": "apt", "wheels": "pip-install.py"}
_ALIKE = 0.75  # of the words of two commands: a change of versions or packages stays above it
_HELD = 65_536  # bytes; below this a mount holds nothing

_KEEP = (
    "rm -f /etc/apt/apt.conf.d/docker-clean and set "
    "'Binary::apt::APT::Keep-Downloaded-Packages \"true\";' in /etc/apt/apt.conf.d/keep-cache before apt-get install"
)


def guessed(script: Script, found: Mapping[Tool, Download]) -> Script:
    """Return the script with the tools that its log shows, where a heredoc hides the command."""
    if not script.hidden:
        return script
    seen = {call.tool for call in script.calls}
    calls = [Call(tool) for tool in ("pip", "uv") if tool in found and tool not in seen]
    if "apt" not in seen:
        calls += [
            Call("apt", (verb,)) for tool, verb in (("lists", "update"), ("archives", "install")) if tool in found
        ]
    return replace(script, calls=(*script.calls, *calls))


def of_nothing_kept(
    tool: Tool, script: Script, log: Sequence[str], download: Download | None, after: int
) -> tuple[str, str]:
    """Return reason and fix for a tool that downloaded into a mount that did not grow."""
    size = amount(after)
    if download is None:
        start = f"the mount stayed at {size}; {_NAMES.get(tool, tool)} did not print what it downloaded, so this rests on the size alone"
    else:
        start = f"{amount(download.bytes)} downloaded and the mount stayed at {size}"
    if tool == "archives":
        return _archives(script, start)
    if tool == "lists":
        return f"{start}: something removed the package lists", "do not remove /var/lib/apt/lists in this RUN"
    if tool == "pip":
        return _pip(log, start)
    return f"{start}: {tool} kept nothing", "look for no-cache in a uv.toml or pyproject.toml that the step sees"


def former_id(use: CacheUse, command: str, candidates: Sequence[Usage]) -> str:
    """Return a sentence about the mount that a similar command filled under another id, "" when there is none.

    BuildKit tells target and command of the step that made a mount in its description (`docker buildx du --verbose`). Of
    several, that with the likest id is named.
    """
    alike: dict[str, int] = {}
    for mount in candidates:
        match, held = _COMMAND.fullmatch(mount.description), mount.size or 0
        if match and match[1] == use.target and held >= _HELD and _ratio(command.split(), match[2].split()) >= _ALIKE:
            alike[mount.id.lstrip("/")] = held
    if not alike:
        return ""
    name = max(alike, key=lambda name: _ratio(list(use.id), list(name)))
    return f"{name} with the same target and a similar command holds {amount(alike[name])}"


def _ratio(one: Sequence[str], other: Sequence[str]) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _archives(script: Script, start: str) -> tuple[str, str]:
    """Return why apt kept no packages: in Debian's and Ubuntu's images docker-clean deletes them.

    https://docs.docker.com/reference/dockerfile/#example-cache-apt-packages
    """
    if "docker-clean" in script.text:
        return f"{start}: apt does not keep packages", "set 'Binary::apt::APT::Keep-Downloaded-Packages \"true\";'"
    return f"{start}: /etc/apt/apt.conf.d/docker-clean of the base makes apt delete what it installed", _KEEP


def _pip(log: Sequence[str], start: str) -> tuple[str, str]:
    """Return why pip kept nothing: it stores what the index's headers allow, in a directory of its own.

    https://pip.pypa.io/en/stable/topics/caching/. Measured: behind an index that sends ``Cache-Control: no-store`` the
    mount stays at 12,288 bytes.
    """
    for line in log:
        if owner := _DISABLED.search(line):
            reason = f"{start}: {owner[1]} belongs to another user, so pip turned its cache off"
            return reason, "give the mount the uid= and gid= of the user that pip runs as"
    fix = (
        "install with uv and a cache-control of your own for the index, or `pip download` into the mount and install "
        "from there with --find-links; also look for no-cache-dir in a pip.conf"
    )
    return f"{start}: the index forbids HTTP caching, so pip keeps nothing", fix
