"""The rules: one function each, and nothing else to touch.

A rule is a function under ``@rule(...)`` in one of this package's modules. It takes the Traffic of one capture and
answers for every handshake at once; its docstring is its manual page. The command ``explain``, the documentation and
the tests are all made from it. Nearly all handshakes give most rules nothing to say: with ``among`` (see among.py) a
rule names those that it has to look at, and is given these alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

from pcapcheck.rules.asking import findings_of
from pcapcheck.rules.catalogue import Answer, Rule, rule
from pcapcheck.rules.checked import Finding, Findings

__all__ = ["RULES", "Answer", "Finding", "Findings", "Rule", "findings_of", "rule"]

_MODULES: Final = (
    "numbers", "order", "outcomes", "shapes", "resets", "icmp", "options", "capture", "timing", "first_flight",
    "reuse", "guessable", "backlog", "capture_gaps", "option_form", "mss", "window_scale", "timestamps",
    "option_changes", "fast_open", "ecn", "accecn", "mptcp", "headers", "early_data", "injection", "synchronized",
    "reset_contents", "teardown", "persistence", "fragments",
)  # fmt: skip


def _load() -> dict[str, Rule]:
    for name in _MODULES:
        import_module(f"{__name__}.{name}")
    return dict(sorted(catalogue_rules().items()))


def catalogue_rules() -> dict[str, Rule]:
    from pcapcheck.rules.catalogue import REGISTERED

    return REGISTERED


RULES: Final[dict[str, Rule]] = _load()
