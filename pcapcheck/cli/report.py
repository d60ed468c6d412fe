"""``pcapcheck report``."""

from __future__ import annotations

from typing import Annotated

import typer

from pcapcheck.cli.options import FailOn, Host, Paths, Port, Since, Until
from pcapcheck.cli.running import FAILED, checked, exit_code, say, window_of


def report(
    paths: Paths,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="What to write: .html or .md.")
    ] = "report.html",
    select: Annotated[
        list[str] | None,
        typer.Option(metavar="RULES", help="Only these rules: ids, their beginnings, or slugs. Repeatable."),
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option(metavar="RULES", help="Not these rules. Repeatable.")] = None,
    since: Since = None,
    until: Until = None,
    host: Host = None,
    port: Port = None,
) -> None:
    """Write a report for people into one file.

    The verdict, outcomes, causes, findings with their ladders, charts, servers, and what was not decoded. The HTML file
    needs nothing else, and no network.
    """
    from pcapcheck.arguments import words
    from pcapcheck.report.document import refuse_suffix, write_document
    from pcapcheck.report.output import refuse_inputs

    refuse_suffix(output)
    refuse_inputs(output, paths)
    found = checked(paths, window_of(since, until, host, port), words(select or ()), words(ignore or ()))
    if not found.capture_facts or all(facts.error for facts in found.capture_facts):
        raise typer.Exit(FAILED)  # standard error says why
    options = [
        ("--select", select or ()), ("--ignore", ignore or ()), ("--since", [since] if since else ()),
        ("--until", [until] if until else ()), ("--host", host or ()), ("--port", port or ()),
    ]  # fmt: skip
    given = [word for name, values in options for value in values for word in (name, value)]
    dashes = ["--"] if any(path.startswith("-") and path != "-" for path in paths) else []
    write_document(found, output, command=("pcapcheck", "report", *given, "-o", output, *dashes, *paths))
    from pcapcheck.report.escape import escaped
    from pcapcheck.report.verdict import verdict

    say(f"{escaped(output)}: {verdict(found).sentence}")
    raise typer.Exit(exit_code(found, FailOn.never))
