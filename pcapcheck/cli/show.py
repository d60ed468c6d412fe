"""``pcapcheck show``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pcapcheck.cli.options import Config, FailOn, InSequence, Isolated, Merged, Paths, State
from pcapcheck.cli.running import checked, exit_code, say, settings_of, width


def show(
    paths: Paths,
    handshake: Annotated[int | None, typer.Option(metavar="N", min=1, help="The handshake with this id.")] = None,
    frame: Annotated[
        str | None,
        typer.Option(metavar="[FILE:]N", help="The handshake of this frame; of several files also of which."),
    ] = None,
    sequence: InSequence = None,
    merge: Merged = False,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Draw it into a file instead: .svg, .mmd (Mermaid), .png or .pdf."
        ),
    ] = None,
    config: Config = None,
    isolated: Isolated = False,
    state: State = None,
) -> None:
    """Draw one handshake as a ladder.

    Frames, times, raw and relative numbers; a wrong number stands beside the one expected.
    """
    from pcapcheck.errors import UsageError

    if (handshake is None) == (frame is None):
        raise UsageError("show needs --handshake N or --frame N")
    file, _, number = (frame or "1").rpartition(":")
    if not number.isdecimal() or int(number) < 1:
        raise UsageError(f"--frame {frame}: a number from 1, or FILE:N")
    if output is not None:
        from pcapcheck.report.output import refuse_inputs
        from pcapcheck.report.picture import refuse_suffix

        refuse_suffix(output)
        refuse_inputs(output, paths)
    report = checked(paths, policy=settings_of(config, isolated).policy, sequence=sequence, merge=merge, state=state)
    if report.errors:
        raise typer.Exit(exit_code(report, FailOn.never))
    if frame is not None:
        from pcapcheck.report.find import handshake_of_frame

        index = handshake_of_frame(report, int(number), file)
    else:
        assert handshake is not None
        total = report.outcomes().total()
        if handshake > total:
            raise UsageError(f"there is no handshake {handshake}: {', '.join(paths)} has {total}")
        index = handshake - 1
    if output is not None:
        from pcapcheck.report.picture import write_ladder

        write_ladder(report, index, output)
        return
    from pcapcheck.report.colour import wanted
    from pcapcheck.report.ladder import ladder

    say(ladder(report, index, width(), colour=wanted(sys.stdout)))
