"""``pcapcheck report``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated

import typer

from pcapcheck.cli.options import (
    BaselineOption,
    Config,
    Decoder,
    Decoding,
    Expect,
    FailOn,
    Host,
    Ignore,
    InSequence,
    Isolated,
    MaxBytes,
    MaxTracked,
    Merged,
    Paths,
    Port,
    Select,
    Since,
    State,
    Until,
)
from pcapcheck.cli.running import FAILED, checked, exit_code, octets_of, say, settings_of, window_of
from pcapcheck.tables import MAX_TRACKED


def report(
    paths: Paths,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="What to write: an .html or an .md file.")
    ] = "report.html",
    lang: Annotated[
        str | None,
        typer.Option(
            metavar="en|zh",
            help="Of headings and rules in HTML; else that of PCAPCHECK_LANG, else Chinese in a zh locale.",
        ),
    ] = None,
    select: Select = None,
    ignore: Ignore = None,
    expect: Expect = None,
    baseline: BaselineOption = None,
    config: Config = None,
    isolated: Isolated = False,
    since: Since = None,
    until: Until = None,
    host: Host = None,
    port: Port = None,
    sequence: InSequence = None,
    merge: Merged = False,
    max_bytes: MaxBytes = None,
    decoder: Decoding = Decoder.auto,
    max_tracked: MaxTracked = MAX_TRACKED,
    state: State = None,
) -> None:
    """Write a report for people into one file.

    The verdict, outcomes, causes, findings with their ladders, charts, servers, and what was not decoded. The HTML file
    needs nothing else, and no network. Exits with 0 whatever is found, 2 if an input cannot be read.
    """
    from pcapcheck.cli.baseline import known_of, new_findings
    from pcapcheck.report.document import SUFFIXES, refuse_suffix, write_document
    from pcapcheck.report.escape import escaped
    from pcapcheck.report.output import refuse_inputs
    from pcapcheck.report.verdict import verdict
    from pcapcheck.texts import language
    from pcapcheck.window import EVERYTHING

    refuse_suffix(output)
    spoken = language(lang, os.environ)
    refuse_inputs(output, paths)
    settings = settings_of(config, isolated, select=select, ignore=ignore, expect=expect, baseline=baseline)
    known = known_of(settings)
    window = window_of(since, until, host, port)
    found = checked(
        paths,
        window,
        policy=settings.policy,
        sequence=sequence,
        merge=merge,
        max_bytes=octets_of(max_bytes),
        decoder=decoder.value,
        max_tracked=max_tracked,
        state=state,
        keep=SUFFIXES[os.path.splitext(output.lower())[1]].keep,
    )
    if known is not None:
        found = new_findings(found, known, settings["baseline"], whole=window is EVERYTHING)
    if not found.capture_facts or all(facts.error for facts in found.capture_facts):
        raise typer.Exit(FAILED)  # standard error says why
    options = {
        "--output": output, "--select": select, "--ignore": ignore, "--expect": expect, "--baseline": baseline,
        "--config": config, "--since": since, "--until": until, "--host": host, "--port": port,
        "--max-bytes": max_bytes, "--lang": lang,
    }  # fmt: skip
    flags = ["--isolated"] if isolated else []
    flags += [] if sequence is None else ["--sequence" if sequence else "--no-sequence"]
    flags += ["--merge"] if merge else []
    command = ["pcapcheck", "report", *_given(options), *flags, *_named(paths)]
    write_document(found, output, command=command, language=spoken)
    say(f"{escaped(output)}: {verdict(found).sentence}")
    raise typer.Exit(exit_code(found, FailOn.never))


def _given(options: dict[str, str | list[str] | None]) -> list[str]:
    """The options that were given, as they are written."""
    pairs = [
        (name, value)
        for name, values in options.items()
        for value in ([values] if isinstance(values, str) else values or [])
    ]
    return [word for pair in pairs for word in pair]


def _named(paths: Sequence[str]) -> list[str]:
    """The paths, none of which is taken for an option."""
    return [*(["--"] if any(path.startswith("-") and path != "-" for path in paths) else []), *paths]
