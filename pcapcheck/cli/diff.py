"""``pcapcheck diff``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from pcapcheck.cli.options import Config, FailOn, Ignore, Isolated, New, Old, Select
from pcapcheck.cli.running import CLEAN, FOUND, checked, exit_code, say, settings_of, width


class DiffFormat(StrEnum):
    text = "text"
    json = "json"


def diff(
    old: Old,
    new: New,
    fail_on: Annotated[
        FailOn, typer.Option(help="A new kind of finding as severe as this, or more, is worse.")
    ] = FailOn.warning,
    format: Annotated[DiffFormat, typer.Option(help="What goes to standard output.")] = DiffFormat.text,
    select: Select = None,
    ignore: Ignore = None,
    config: Config = None,
    isolated: Isolated = False,
) -> None:
    """Compare two recordings: outcomes, findings, round-trip times.

    Differences of round-trip times and of the share of failed handshakes have a bootstrap interval, so that noise is
    not called a change. Exits with 1 if something became worse: a new kind of finding, a larger share that fails, a
    slower quantile.
    """
    import sys

    from pcapcheck.report.colour import Paint, wanted
    from pcapcheck.report.difference import difference
    from pcapcheck.report.difference_text import as_json, as_text

    settings = settings_of(config, isolated, select=select, ignore=ignore)
    before, after = (checked([path], policy=settings.policy) for path in (old, new))
    if code := max(exit_code(report, FailOn.never) for report in (before, after)):
        raise typer.Exit(code)
    found = difference(before, after, (old, new), fail_on.value)
    if format is DiffFormat.json:
        say(as_json(found))
    else:
        say(as_text(found, paint=Paint(wanted(sys.stdout)), width=width()))
    raise typer.Exit(FOUND if found.worse else CLEAN)
