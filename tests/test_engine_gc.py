"""What the garbage collection of real builders does to cache mounts, and the setting that keeps them."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace

import pytest

from bakegen.engine.diagnose import Finding, diagnose
from bakegen.engine.gc import ASSUMED, GB, Needed, idle_hours, limit, setting, threats
from bakegen.engine.info import Builder, Disk, EngineInfo, GcRule, parse_inspect
from tests.test_engine_info import INSPECT

#: `docker buildx inspect` of an engine whose daemon.json has one rule for all
ONE_RULE = """\
Name:          default
Driver:        docker

Nodes:
Name:             default
Status:           running
GC Policy rule#0:
 All:            true
 Filters:        
 Reserved Space: 9.313GiB
 Max Used Space: 37.25GiB
 Min Free Space: 7.451GiB
"""  # noqa: W291 - as buildx prints it
#: of a builder with the docker-container driver, all rules by default
CONTAINER = """\
Name:          ci
Driver:        docker-container

Nodes:
Name:                  ci0
Status:                running
BuildKit version:      v0.26.2
GC Policy rule#0:
 All:            false
 Filters:        type==source.local,type==exec.cachemount,type==source.git.checkout
 Keep Duration:  48h0m0s
 Max Used Space: 488.3MiB
GC Policy rule#1:
 All:            false
 Keep Duration:  1440h0m0s
 Reserved Space: 9.313GiB
 Max Used Space: 93.13GiB
 Min Free Space: 46.57GiB
GC Policy rule#2:
 All:            false
 Reserved Space: 9.313GiB
 Max Used Space: 93.13GiB
 Min Free Space: 46.57GiB
GC Policy rule#3:
 All:            true
 Reserved Space: 9.313GiB
 Max Used Space: 93.13GiB
 Min Free Space: 46.57GiB
"""
#: of an older engine, whose rules have one limit
KEEP_BYTES = """\
Name:          default
Driver:        docker
GC Policy rule#0:
 All:        false
 Filters:    type==source.local,type==exec.cachemount,type==source.git.checkout
 Keep Duration: 48h0m0s
 Keep Bytes: 2.764GiB
GC Policy rule#1:
 All:        false
 Keep Duration: 1440h0m0s
 Keep Bytes: 20GiB
"""
FAMILY = Needed(7 * GB, known=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (INSPECT, ["3.6 GB"]),
        (CONTAINER, ["0.5 GB"]),
        (KEEP_BYTES, ["3.0 GB"]),
        (ONE_RULE, []),
    ],
)
def test_the_rules_of_real_builders(text: str, words: list[str]) -> None:
    found = list(threats(parse_inspect(text).gc, FAMILY))
    assert len(found) == bool(words)
    for sentence in found:
        assert "cache mounts that no build has used for 48 h" in sentence
        assert words[-1] in sentence
        assert "this family's take 7.0 GB" in sentence


def test_what_a_family_needs_counts() -> None:
    rules = parse_inspect(ONE_RULE).gc
    assert not list(threats(rules, Needed(19 * GB, known=True)))
    (found,) = threats(rules, Needed(21 * GB, known=True))
    assert found.startswith("layers and cache mounts together are held to 40.0 GB")
    assert "with torch take 10.0 GB" in str(Needed())


def test_a_full_disk_cuts_the_cache_down_to_what_is_reserved() -> None:
    rules = parse_inspect(ONE_RULE).gc
    assert not list(threats(rules, FAMILY, Disk("/d", 5 * GB, 100 * GB))), "10 GB are reserved, which is more than 7"
    (found,) = threats(rules, Needed(11 * GB, known=True), Disk("/d", 5 * GB, 100 * GB))
    assert "at worst to 10.0 GB" in found
    assert not list(threats(rules, Needed(11 * GB, known=True), Disk("/d", 9 * GB, 100 * GB)))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (GcRule(max_used="2GiB"), 2 * 2**30),
        (GcRule(max_used="1GB", reserved="3GB"), 3 * GB),
        (GcRule(reserved="3GB"), 3 * GB),
        (GcRule(min_free="3GB"), None),
        (GcRule(), 0),
    ],
)
def test_limits(rule: GcRule, expected: int | None) -> None:
    assert limit(rule) == expected


def test_caches_that_nobody_wants_any_more_may_go() -> None:
    rule = GcRule("type==exec.cachemount", "720h0m0s", "", "1GB")
    assert not list(threats([rule], FAMILY))
    assert list(threats([replace(rule, keep_duration="48h0m0s")], FAMILY))
    assert list(threats([GcRule("type==exec.cachemount")], FAMILY)), "a rule without any limit removes all"
    assert not list(threats([GcRule("type==source.local")], FAMILY))
    assert not list(threats([], FAMILY))
    assert [idle_hours(text) for text in ("48h0m0s", "1440h0m0s", "", "30m0s")] == [48, 1440, 0, 0]


@pytest.mark.parametrize("text", [INSPECT, CONTAINER, KEEP_BYTES])
@pytest.mark.parametrize("server", ["28.5.2", "26.1.5+dfsg1", ""])
def test_the_setting_ends_the_threat(text: str, server: str) -> None:
    builder = parse_inspect(text)
    where, lines = setting(builder.driver, server, builder.gc, FAMILY)
    if builder.driver == "docker":
        assert "daemon.json" in where
        policy = json.loads(f"{{{lines}}}")["builder"]["gc"]["policy"]
    else:
        assert "buildkitd.toml" in where
        policy = tomllib.loads(lines)["worker"]["oci"]["gcpolicy"]
    (rule,) = policy
    assert rule["all"]
    made = GcRule(reserved=rule.get("reservedSpace", rule.get("keepStorage")), max_used=rule.get("maxUsedSpace", ""))
    assert ("keepStorage" in rule) == (server.startswith("26") and builder.driver == "docker")
    assert not list(threats([made], FAMILY))


def test_the_doctor_says_it() -> None:
    info = EngineInfo(("docker",), buildx="0.29.1", server="28.5.2", builder=parse_inspect(INSPECT))
    (found,) = cache(diagnose(info))
    assert (found.level, "with torch take 10.0 GB" in found.detail) == ("warn", True)
    assert '"maxUsedSpace": "201GB"' in found.setting, "no less than the engine has now"
    (found,) = cache(diagnose(replace(info, builder=parse_inspect(ONE_RULE)), FAMILY))
    assert (found.level, found.setting) == ("ok", "")
    assert not cache(diagnose(replace(info, builder=Builder("b", "docker"))))
    full = replace(info, builder=parse_inspect(ONE_RULE), disk=Disk("/d", GB, 100 * GB))
    (found,) = cache(diagnose(full, Needed(ASSUMED * 2 - 1, known=True)))
    assert found.level == "warn"


def cache(findings: tuple[Finding, ...]) -> list[Finding]:
    return [finding for finding in findings if finding.title == "build cache"]
