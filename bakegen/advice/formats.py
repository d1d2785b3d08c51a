"""Findings as text for people, JSON, SARIF 2.1.0 and GitHub's annotations.

SARIF: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html; annotations:
https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions#setting-a-warning-message
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import quote

from bakegen.advice.model import Finding
from bakegen.advice.rules import RULES

_DOCS = "https://github.com/bakegen/bakegen/blob/main/docs/rules.md"


def text(findings: Sequence[Finding], shown: Callable[[str], str] = str) -> str:
    """Return two lines a finding: where and what; why and what to do. ``shown`` turns a path into the one to print."""
    pairs = ((f"{shown(f.path)}:{f.line}:{f.column}  {f.rule} {f.what}", f"    {f.why}; {f.fix}") for f in findings)
    return "\n".join(_line(line) for pair in pairs for line in pair)


def _line(value: str) -> str:
    """Return a text as one line, what a terminal would act on as escapes: names and commands are others' texts."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)


def as_json(findings: Sequence[Finding]) -> dict[str, object]:
    """Return the findings for a program; ``edits`` are offsets in the file's text, decoded from UTF-8."""
    return {
        "version": 1,
        "findings": [
            {
                "rule": f.rule,
                "path": f.path,
                "line": f.line,
                "column": f.column,
                "end_line": f.end_line,
                "end_column": f.end_column,
                "what": f.what,
                "why": f.why,
                "fix": f.fix,
                "edits": [{"start": start, "end": end, "new": new} for start, end, new in f.edits],
            }
            for f in findings
        ],
    }


def github(findings: Sequence[Finding]) -> str:
    """Return a workflow command a finding."""
    lines = []
    for f in findings:
        place = f"file={_property(f.path)},line={f.line},col={f.column},endLine={f.end_line},endColumn={f.end_column}"
        lines.append(f"::warning {place},title={_property(f.rule)}::{_data(f'{f.what}: {f.why}; {f.fix}')}")
    return "\n".join(lines)


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


def sarif(findings: Sequence[Finding], version: str) -> dict[str, object]:
    """Return a SARIF log of one run; every rule is in it, so that a viewer can show what was looked for."""
    ids = list(RULES)
    rules = [
        {
            "id": rule.id,
            "shortDescription": {"text": rule.title},
            "fullDescription": {"text": f"{rule.why}; {rule.fix}"},
            "helpUri": f"{_DOCS}#{rule.id.lower()}",
            "defaultConfiguration": {"level": "warning"},
        }
        for rule in RULES.values()
    ]
    driver = {
        "name": "bakegen",
        "version": version,
        "informationUri": "https://github.com/bakegen/bakegen",
        "rules": rules,
    }
    results = [_result(finding, ids.index(finding.rule)) for finding in findings]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}


def _result(finding: Finding, index: int) -> dict[str, object]:
    region = {
        "startLine": finding.line,
        "startColumn": finding.column,
        "endLine": finding.end_line,
        "endColumn": finding.end_column,
    }
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": "warning",
        "message": {"text": f"{finding.what}: {finding.why}; {finding.fix}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(finding.path, errors="surrogateescape")},
                    "region": region,
                }
            }
        ],
    }
