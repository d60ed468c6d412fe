"""``pcapcheck explain``."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from pcapcheck.cli.completion import of_pages
from pcapcheck.cli.running import say


def explain(
    rule: Annotated[
        str,
        typer.Argument(metavar="RULE", help="An id or a slug, as HS02 or accept-queue-full.", autocompletion=of_pages),
    ],
    lang: Annotated[
        str | None,
        typer.Option(metavar="en|zh", help="The language; else that of PCAPCHECK_LANG, else Chinese in a zh locale."),
    ] = None,
) -> None:
    """Explain a rule or a diagnosis.

    What it means, why it matters, common causes, what to look at next, and two examples.
    """
    from pcapcheck.report.colour import Paint, wanted
    from pcapcheck.report.explanation import explanation
    from pcapcheck.texts import language

    say(explanation(rule, paint=Paint(wanted(sys.stdout)), language=language(lang, os.environ)))
