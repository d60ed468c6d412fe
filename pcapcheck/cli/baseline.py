"""``pcapcheck baseline``, and what ``pcapcheck check`` does with one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from pcapcheck.cli.options import Config, Expect, FailOn, Ignore, InSequence, Isolated, Merged, Paths, Select, State
from pcapcheck.cli.running import CLEAN, checked, complain, exit_code, say, settings_of

if TYPE_CHECKING:
    from pcapcheck.policy.settings import Settings
    from pcapcheck.report.baseline import Baseline
    from pcapcheck.report.report import Report

# Stale entries that are named.
_NAMED: Final = 10


def baseline(
    paths: Paths,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Where to; standard output, if not said.")
    ] = None,
    select: Select = None,
    ignore: Ignore = None,
    expect: Expect = None,
    config: Config = None,
    isolated: Isolated = False,
    sequence: InSequence = None,
    merge: Merged = False,
    state: State = None,
) -> None:
    """Write down the findings that there are, so that --baseline reports only new ones.

    Findings of severity info are not in it. Exits with 0 whatever is found; with 2, and nothing is written, if an input
    cannot be read.
    """
    from pcapcheck.report.baseline import baseline_of, write_baseline
    from pcapcheck.report.output import refuse_inputs, replacing

    if output is not None:
        refuse_inputs(output, paths)
    settings = settings_of(config, isolated, select=select, ignore=ignore, expect=expect)
    report = checked(paths, policy=settings.policy, sequence=sequence, merge=merge, state=state, keep="shown")
    if code := exit_code(report, FailOn.never):
        raise typer.Exit(code)
    found = baseline_of(report)
    text = write_baseline(found)
    if output is None:
        say(text.removesuffix("\n"))
    else:
        with replacing(output) as name, open(name, "w", encoding="ascii", newline="") as out:
            out.write(text)
        complain(f"{found.total()} findings of {len(found)} kinds written to {output}")
    raise typer.Exit(CLEAN)


def known_of(settings: Settings) -> Baseline | None:
    """The baseline that the settings name, if they do."""
    if not settings["baseline"]:
        return None
    from pcapcheck.report.baseline import read_baseline

    return read_baseline(settings["baseline"])


def new_findings(report: Report, known: Baseline, path: str, *, whole: bool) -> Report:
    """The report without what is known. How much that is, and what is stale, is told on standard error.

    Where only a part of the traffic was asked for (not ``whole``), what is not there is not stale.
    """
    from pcapcheck.report.baseline import kind_text, new_only
    from pcapcheck.tables import SEVERITIES

    found = new_only(report, known)
    stale = found.stale if whole and not report.interrupted else []
    new = sum(found.report.all_findings.count(severity) for severity in SEVERITIES if severity != "info")
    complain(f"baseline {path}: {found.known} known, {new} new, {sum(gone for _, gone in stale)} stale")
    for kind, gone in stale[:_NAMED]:
        complain(f"stale: {kind_text(kind)}" + (f" ({gone} times)" if gone > 1 else ""))
    if len(stale) > _NAMED:
        complain(f"stale: and {len(stale) - _NAMED} kinds more")
    return found.report
