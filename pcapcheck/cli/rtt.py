"""``pcapcheck rtt``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from pcapcheck.cli.options import FailOn, Host, InSequence, MaxBytes, Merged, Paths, Port, Since, State, Until
from pcapcheck.cli.running import checked, exit_code, octets_of, say, width, window_of


class By(StrEnum):
    server = "server"
    client = "client"
    capture = "capture"


def rtt(
    paths: Paths,
    by: Annotated[By | None, typer.Option(help="One line for each of these.")] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Draw a chart: .svg, .png or .pdf.")
    ] = None,
    since: Since = None,
    until: Until = None,
    host: Host = None,
    port: Port = None,
    sequence: InSequence = None,
    merge: Merged = False,
    max_bytes: MaxBytes = None,
    state: State = None,
) -> None:
    """Tabulate and draw round-trip times.

    Only exact ones: where a SYN or SYN-ACK was repeated, the time is an interval and is left out.
    """
    from pcapcheck.errors import UsageError
    from pcapcheck.report.output import refuse_inputs
    from pcapcheck.report.rtt_table import rtt_table

    if output is not None:
        if not output.lower().endswith((".svg", ".png", ".pdf")):
            raise UsageError(f"--output {output}: a chart is an .svg, .png or .pdf file")
        refuse_inputs(output, paths)
    window = window_of(since, until, host, port)
    report = checked(paths, window, sequence=sequence, merge=merge, max_bytes=octets_of(max_bytes), state=state)
    if output is not None:
        from pcapcheck import charts

        charts.save(charts.rtt_figure(report.handshakes, by=(by or By.server).value), output)
    say(rtt_table(report, by.value if by else None, width()))
    raise typer.Exit(exit_code(report, FailOn.never))
