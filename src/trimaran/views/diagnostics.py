"""Diagnostics of configuration files, as text for people and as JSON for programs."""

import unicodedata
from collections.abc import Mapping
from typing import Any

import msgspec

from trimaran.conf import Diagnostic, Result, Severity, printable
from trimaran.model.config import Config

_WIDEST = 160
"""Longer source lines are shown in part, around the place that is meant."""


def diagnostic_text(diagnostic: Diagnostic) -> str:
    """The diagnostic, the line that it is about, and carets under the place that is meant."""
    if diagnostic.source_line is None:
        return str(diagnostic)
    span, line = diagnostic.span, diagnostic.source_line
    start = span.column - 1
    left = max(0, start - _WIDEST // 2) if len(line) > _WIDEST else 0
    shown = line[left : left + _WIDEST]
    start -= left
    marked = shown[start : start + span.length]
    indent = "".join("\t" if c == "\t" else " " * _columns(c) for c in shown[:start])
    carets = "^" * max(1, sum(map(_columns, marked)))
    return f"{diagnostic}\n{printable(shown)}\n{indent}{carets}"


def summary_text(file: str, config: Config) -> str:
    """The line for a file without errors: what it configures."""
    counts = ", ".join(f"{number} {_plural(name, number)}" for name, number in _counts(config))
    return f"{printable(file)}: ok: {counts}"


def results_json(results: Mapping[str, Result]) -> bytes:
    """All that was found in the files, by name."""
    files = [
        {
            "file": printable(file),
            "ok": result.config is not None,
            **({_key(name): n for name, n in _counts(result.config)} if result.config else {}),
            "diagnostics": [_fields(diagnostic) for diagnostic in result.diagnostics],
        }
        for file, result in results.items()
    ]
    return msgspec.json.format(msgspec.json.encode({"files": files}), indent=2)


def _fields(diagnostic: Diagnostic) -> dict[str, Any]:
    span = diagnostic.span
    return {
        "file": printable(span.file),
        "line": span.line,
        "column": span.column,
        "length": span.length,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        "advice": diagnostic.advice,
        "source": diagnostic.source_line,
    }


def worst(results: Mapping[str, Result]) -> Severity | None:
    """The most severe of all diagnostics."""
    severities = {d.severity for result in results.values() for d in result.diagnostics}
    return next((severity for severity in Severity if severity in severities), None)


def _counts(config: Config) -> tuple[tuple[str, int], ...]:
    services = config.virtual_services
    return (
        ("virtual router", len(config.virtual_routers)),
        ("virtual service", len(services)),
        ("real server", sum(len(service.real_servers) for service in services)),
    )


def _key(name: str) -> str:
    return name.replace(" ", "_") + "s"


def _plural(name: str, number: int) -> str:
    return name if number == 1 else name + "s"


def _columns(character: str) -> int:
    """How many columns of a terminal a character takes."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
