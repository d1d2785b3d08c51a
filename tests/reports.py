"""A run made by hand, for the tests of reports: three images in a chain, a fourth beside them."""

from __future__ import annotations

from bakegen.report.fold import report
from bakegen.report.model import Report, RunFacts
from bakegen.trace.model import CacheUse, Kind, Link, Step, Trace
from bakegen.verdicts.model import MountUsage, Verdict

BEGAN = 1_000_000.0
UV = CacheUse("/root/.cache/uv", "uv-cp311")
APT = CacheUse("/var/cache/apt", "apt-bookworm", "locked")
#: What an image's name or a step's log may hold that a page, a table or a terminal would obey.
HOSTILE = """</script><script>alert(1)</script>"'><img src=x onerror=alert(2)> | a`b` [c](http://d) \x1b[31m\u202e"""


def step(  # noqa: PLR0913 - the parts of a step
    key: str,
    kind: Kind,
    images: str,
    span: tuple[float, float] | None,
    title: str = "",
    *,
    number: int = 1,
    cached: bool = False,
    failed: bool = False,
    moved: int = 0,
    caches: tuple[CacheUse, ...] = (),
    log: str = "",
) -> Step:
    """Return a step that ran in ``span``, seconds since the run began; ``images`` are words."""
    return Step(
        key=key,
        title=title or f"RUN {key}",
        kind=kind,
        images=tuple(images.split()),
        digests=frozenset({key}),
        number=number,
        count=9,
        cached=cached,
        failed=failed,
        intervals=((BEGAN + span[0], BEGAN + span[1]),) if span else (),
        caches=caches,
        moved=moved,
        log=tuple(log.splitlines()),
    )


STEPS = (
    step("load", "internal", "base", (0.0, 0.5), "load build definition", number=0),
    step("from", "base", "base ml asr", (0.5, 3.0), "FROM python:3.11", moved=45_000_000),
    step("context", "context", "base asr", (0.5, 1.0), "load build context", number=0, moved=12_000),
    step(
        "apt", "apt", "base", (3.0, 9.0), "RUN apt-get install", caches=(APT,), log="Need to get 4,300 kB of archives."
    ),
    step("files", "copy", "base", (3.0, 3.1), cached=True),
    step(
        "torch",
        "python",
        "ml",
        (9.0, 29.0),
        "RUN uv pip install torch && x",
        caches=(UV,),
        log="Installed 3 packages in 1s",
    ),
    step(
        "whisper",
        "python",
        "asr",
        (29.0, 39.0),
        "RUN pip install whisper",
        caches=(UV,),
        log="Downloading x.whl (70.0 MB)",
    ),
    step("shared", "other", "asr web", (1.0, 4.0), "RUN make"),
    step("export", "export", "asr", (39.5, 44.0), "exporting to image", number=0, moved=900),
    step("never", "copy", "web", None),
)
TRACE = Trace(("base", "ml", "asr", "web"), STEPS, BEGAN, BEGAN + 44.0)
PATH = tuple(
    Link(found, found.seconds, 0.5 if found.key == "export" else 0.0)
    for found in STEPS
    if found.key in {"load", "from", "apt", "torch", "whisper", "export"}
)
FACTS = RunFacts(
    "20261123-193000",
    "built",
    "2026-11-23T19:30:00+00:00",
    45.5,
    "default",
    2,
    {"base": "built", "ml": "built", "asr": "built", "web": "cached"},
    parents={"base": [], "ml": ["base"], "asr": ["ml"], "web": ["gone"]},
)
_BASE = [("debian", 100_000_000), ("apt", 300_000_000)]
_ML = [*_BASE, ("torch", 5_000_000_000)]
LAYERS = {"base": _BASE, "ml": _ML, "asr": [*_ML, ("whisper", 70_000_000)], "web": [_BASE[0], ("node", 90_000_000)]}
VERDICTS = (
    Verdict("apt", "base", APT, "cold", "the mount was empty"),
    Verdict("torch", "ml", UV, "working", "it was served from it"),
    Verdict("whisper", "asr", UV, "bypassed", "UV_NO_CACHE is set", "remove UV_NO_CACHE"),
)


def sample() -> Report:
    """Return the report of that run."""
    return report(
        FACTS,
        TRACE,
        PATH,
        0.53,
        before=(MountUsage("uv-cp311", 4_000_000_000),),
        after=(MountUsage("uv-cp311", 4_800_000_000), MountUsage("apt-bookworm", 310_000_000), MountUsage("other", 1)),
        verdicts=VERDICTS,
        layers=LAYERS,
    )


def hostile() -> Report:
    """Return a report whose every text is hostile."""
    bad = step("bad", "python", "x", (0.0, 2.0), f"RUN {HOSTILE}", caches=(CacheUse("/c", HOSTILE),))
    bad = Step(**{name: getattr(bad, name) for name in bad.__slots__} | {"images": (HOSTILE,)})
    trace = Trace((HOSTILE,), (bad,), BEGAN, BEGAN + 2.0, {"bad": HOSTILE})
    judged = Verdict("bad", HOSTILE, CacheUse("/c", HOSTILE), "bypassed", HOSTILE, HOSTILE)
    facts = RunFacts(HOSTILE, HOSTILE, HOSTILE, 2.0, HOSTILE, 1, {HOSTILE: HOSTILE})
    return report(facts, trace, (Link(bad, 2.0, 0.0),), 1.0, verdicts=(judged,), missing=(HOSTILE,))
