"""The words of a verdict: why, and what to do."""

from __future__ import annotations

from collections.abc import Mapping

from bakegen.trace.model import CacheUse
from bakegen.verdicts.commands import Call
from bakegen.verdicts.downloads import Download
from bakegen.verdicts.model import State, amount
from bakegen.verdicts.tools import Ban, cache_directory, user_of

__all__ = ["State"]


def bypassed(tool: str, found: Ban) -> tuple[str, str]:
    """Return reason and fix for a tool that was told not to use its cache."""
    if not found.by:
        reason = f"{tool} does not use its cache: {found.what}" + (
            "" if " on the " in found.what else " on the command"
        )
        return reason, f"remove {found.what.removesuffix(' on the command')} from the command"
    name = found.what.partition("=")[0]
    fix = f"remove {name}, or write `ENV {name}=` (an empty value) in this Dockerfile"
    return f"{tool} does not use its cache: {found.what} is set by {found.by}", fix


def removed(path: str) -> tuple[str, str]:
    """Return reason and fix for a step that empties its own mount."""
    return (
        f"the same RUN removes {path}, and with it what the mount keeps",
        f"do not remove {path}: it is in the mount, so it reaches no image",
    )


def collected(name: str, held: int) -> tuple[str, str]:
    """Return reason and fix for a mount that the engine dropped."""
    what = f"; it held {amount(held)} before" if held else ""
    return (
        f"the engine dropped the mount {name} in this run{what}: its GC limit is below what the family needs",
        "raise builder.gc in the engine's daemon.json (`bakegen doctor` prints the setting), or free disk",
    )


def misplaced(use: CacheUse, where: str, call: Call, env: Mapping[str, str], fetched: int) -> tuple[str, str]:
    """Return reason and fix for a mount that is not where the tool looks."""
    directory = cache_directory(call, env)
    got = f"; it downloaded {amount(fetched)} and the mount kept nothing" if fetched else "; the mount is empty"
    user = user_of(call, env)
    target = directory or f"$HOME/.cache/{call.tool} of {user}"
    owner = "" if user == "root" else f", with uid= of {user}"
    return f"{where}, the mount is at {use.target}{got}", f"mount it at target={target}{owner}"


def unused() -> tuple[str, str]:
    """Return reason and fix for a mount that nothing was put into."""
    return "the step put nothing into the mount: it is empty", "mount the directory that the step's tool caches in"


def served_by_log() -> str:
    """Return the reason for a mount whose size nobody looked at, but whose files the log names."""
    return "nothing was downloaded: files came from the cache (told from the log, sizes are not known)"


def filled_in_this_run(delta: int) -> str:
    """Return the reason for a mount that another step filled first."""
    return f"nothing was downloaded; the mount got its {amount(delta)} in this run"


def cold(download: Download | None, delta: int, formerly: str) -> str:
    """Return the reason for a mount that was empty before."""
    known = download.known if download else None
    if download and download.exact and not download.bytes:
        text = "the mount was empty; nothing was downloaded"
    elif delta < 1:
        text = "the mount was empty and is, too little was downloaded to tell more"
    else:
        got = f"{amount(known)} downloaded now, " if known else ""
        text = f"the mount was empty before; {got}it holds {amount(delta)} more"
    return f"{text}; its id may have changed: {formerly}" if formerly else text


def held_others(before: int, download: Download) -> str:
    """Return the reason for a mount that held something, but nothing that the step took."""
    got = amount(download.bytes) if download.known else "all"
    return (
        f"the mount held {amount(before)}, but nothing that this step took: {got} was downloaded and kept; "
        "if the next run says so again, the index forbids caching"
    )


def working(before: int, download: Download | None, delta: int) -> str:
    """Return the reason for a mount that served a step."""
    held = f"the mount held {amount(before)}"
    if download is None:
        grew = f" and grew by {amount(delta)}" if delta > 0 else " and did not grow"
        return f"{held}{grew}; the log does not say what was downloaded"
    if not download.bytes and download.exact:
        return f"{held}; nothing was downloaded"
    return f"{held}; {amount(download.bytes) if download.known else 'some'} was downloaded"
