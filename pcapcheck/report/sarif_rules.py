"""The rules of a run as SARIF describes them (section 3.49): their manual pages, in text and Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from pcapcheck.diagnoses import DIAGNOSES
from pcapcheck.rules import Rule

LEVELS: Final = {"error": "error", "warning": "warning", "note": "note", "info": "note"}
# What GitHub calls a severity where it is not about security.
_PROBLEM: Final = {"error": "error", "warning": "warning", "note": "recommendation", "info": "recommendation"}
_RFC: Final = re.compile(r"RFC (\d+)(?:, sections? (\d+(?:\.\d+)*))?")


def rule_descriptors(rules: Iterable[Rule]) -> Iterator[dict[str, Any]]:
    """A reportingDescriptor for each rule, whether it found something or not."""
    for rule in rules:
        descriptor: dict[str, Any] = {
            "id": rule.id,
            "name": rule.slug,
            "shortDescription": {"text": rule.title},
            "fullDescription": {"text": _flat(_sections(rule).get("What it means", rule.title))},
            "help": {"text": _text(rule), "markdown": _markdown(rule)},
            "defaultConfiguration": {"level": LEVELS[rule.severity]},
            "properties": {
                "tags": ["network", "tcp", *(["capture"] if rule.id.startswith("CAP") else ["handshake"])],
                "precision": "very-high" if rule.severity == "error" else "high",
                "problem.severity": _PROBLEM[rule.severity],
            },
        }
        if uri := help_uri(rule.reference):
            descriptor["helpUri"] = uri
        yield descriptor


def help_uri(reference: str) -> str:
    """Where the first RFC of a reference is read, at its section; empty where no RFC is referred to."""
    found = _RFC.search(reference)
    if not found:
        return ""
    section = f"#section-{found[2]}" if found[2] else ""
    return f"https://www.rfc-editor.org/rfc/rfc{found[1]}{section}"


def _text(rule: Rule) -> str:
    facts = _facts(rule)
    parts = [rule.title, *(f"{heading}: {_flat(text)}" for heading, text in _sections(rule).items())]
    return "\n\n".join([*parts, *(f"{name}: {text}" for name, text in facts)])


def _markdown(rule: Rule) -> str:
    parts = [f"**{rule.id} {rule.slug}**: {rule.title}"]
    parts += [f"## {heading}\n\n{text}" for heading, text in _sections(rule).items()]
    parts.append("\n".join(f"- {name}: {text}" for name, text in _facts(rule)))
    return "\n\n".join(parts)


def _sections(rule: Rule) -> dict[str, str]:
    """The manual page by heading: that of an event is its diagnosis'."""
    return DIAGNOSES[rule.id].sections if rule.id in DIAGNOSES else rule.sections


def _facts(rule: Rule) -> list[tuple[str, str]]:
    facts = [("Reference", rule.reference), ("Needs", rule.needs), ("More", f"`pcapcheck explain {rule.id}`")]
    return [(name, text) for name, text in facts if text]


def _flat(text: str) -> str:
    return " ".join(text.split())
