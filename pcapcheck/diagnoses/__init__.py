"""The diagnoses: one function each, and nothing else to touch.

A diagnosis is a function under ``@diagnosis(...)`` in one of this package's modules. It takes the Traffic of one
capture and says for every handshake at once how certain its claim is; its docstring is its manual page.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

from pcapcheck.diagnoses.catalogue import REGISTERED, Cause, Causes, Conclusion, Diagnosis, diagnosis
from pcapcheck.diagnoses.diagnosing import answers, diagnose
from pcapcheck.diagnoses.groups import rules_of
from pcapcheck.rules.catalogue import Rule

__all__ = ["DIAGNOSES", "EVENTS", "Cause", "Causes", "Conclusion", "Diagnosis", "answers", "diagnose", "diagnosis"]

_MODULES: Final = (
    "refusals",
    "silence",
    "queues",
    "lost_synacks",
    "cookies",
    "reuse",
    "stale",
    "servers",
    "extensions",
    "clients",
    "path_mtu",
    "scans",
    "syn_floods",
    "floods",
    "injection",
    "middleboxes",
    "vantage",
)


def _load() -> dict[str, Diagnosis]:
    for name in _MODULES:
        import_module(f"{__name__}.{name}")
    return dict(sorted(REGISTERED.items()))


DIAGNOSES: Final[dict[str, Diagnosis]] = _load()

# The diagnoses of events of many handshakes, as rules that find each event once.
EVENTS: Final[dict[str, Rule]] = {rule.id: rule for rule in rules_of(DIAGNOSES.values())}
