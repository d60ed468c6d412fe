"""``pcapcheck rules``."""

from __future__ import annotations

import sys

from pcapcheck.cli.running import say, width


def rules() -> None:
    """List the rules and the diagnoses."""
    from pcapcheck.report.colour import Paint, wanted
    from pcapcheck.report.explanation import rules_list

    say(rules_list(width() if sys.stdout.isatty() else None, paint=Paint(wanted(sys.stdout))))
