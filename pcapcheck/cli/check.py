"""``pcapcheck check``."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from pcapcheck.cli.options import (
    BaselineOption,
    Config,
    Decoder,
    Decoding,
    Expect,
    FailOn,
    FailOnOption,
    FormatOption,
    Host,
    Ignore,
    InSequence,
    Isolated,
    Jobs,
    JunitPer,
    JunitPerOption,
    MaxBytes,
    MaxTracked,
    Merged,
    Outputs,
    Paths,
    Port,
    RequireHandshakes,
    Scheduler,
    SchemaOption,
    Select,
    Since,
    State,
    Until,
    WithHandshakes,
)
from pcapcheck.cli.running import (
    FAILED,
    checked,
    exit_code,
    missing_handshakes,
    octets_of,
    settings_of,
    width,
    window_of,
)
from pcapcheck.tables import MAX_TRACKED

if TYPE_CHECKING:
    from pcapcheck.report.report import Report


def check(
    paths: Paths,
    format: FormatOption = None,
    output: Outputs = None,
    schema: SchemaOption = None,
    junit_per: JunitPerOption = JunitPer.rule,
    with_handshakes: WithHandshakes = False,
    fail_on: FailOnOption = None,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 whatever is found.")] = False,
    require_handshakes: RequireHandshakes = None,
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
    jobs: Jobs = 1,
    scheduler: Scheduler = None,
    state: State = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="The summary without a line for each finding; no progress bar.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="A line also for each finding of severity info.")
    ] = False,
) -> None:
    """Verify every handshake.

    Exits with 0 if nothing is wrong, 1 if a finding is as severe as --fail-on or handshakes are missing, 2 if an input
    cannot be read, 130 if interrupted.
    """
    from pcapcheck.arguments import outputs
    from pcapcheck.cli.baseline import known_of, new_findings
    from pcapcheck.report.formats import FORMATS
    from pcapcheck.report.output import (
        growing,
        grows,
        keep_for,
        refuse_inputs,
        standard_output,
        targets,
        to_standard_output,
        write_file,
        writer,
    )
    from pcapcheck.report.terms import Terms
    from pcapcheck.window import EVERYTHING

    settings = settings_of(
        config,
        isolated,
        format=format,
        fail_on=fail_on,
        require_handshakes=require_handshakes,
        select=select,
        ignore=ignore,
        expect=expect,
        baseline=baseline,
    )
    known = known_of(settings)
    window = window_of(since, until, host, port)
    files = outputs(output or ())
    if schema:
        from pcapcheck.report.schemas import refuse_schema

        refuse_schema(schema, [settings["format"], *(file.format for file in files)])
    for target in (target for file in files for target in targets(file)):
        refuse_inputs(target, paths)
    terms = Terms(
        fail_on=settings["fail-on"],
        quiet=quiet,
        verbose=verbose,
        junit_per=junit_per.value,
        with_handshakes=with_handshakes,
        schema=schema or "",
    )
    # What a baseline knows is taken from the findings of all captures together: then no file grows with each of them.
    growing_files = [file for file in files if grows(file) and known is None]
    rows = FORMATS[settings["format"]].rows and known is None
    datasets = [file for file in files if file.format == "dataset"]
    others = [file for file in files if file not in (*growing_files, *datasets)]
    needing = [*([] if rows else [settings["format"]]), *(file.format for file in others)]
    with ExitStack() as opened:
        writes = [opened.enter_context(growing(file, terms)) for file in growing_files]
        writes += [to_standard_output(settings["format"], terms)] if rows else []

        def each(report: Report) -> None:
            for write in writes:
                write(report)

        report = checked(
            paths,
            window,
            keep=keep_for(needing, terms, baseline=known is not None),
            each=each if writes else None,
            dataset=datasets[0].path if datasets else None,
            policy=settings.policy,
            sequence=sequence,
            merge=merge,
            max_bytes=octets_of(max_bytes),
            decoder=decoder.value,
            max_tracked=max_tracked,
            jobs=jobs,
            scheduler=scheduler,
            state=state,
            quiet=quiet,
        )
    if known is not None:
        report = new_findings(report, known, settings["baseline"], whole=window is EVERYTHING)
    missing = missing_handshakes(report, settings["require-handshakes"])
    code = exit_code(report, FailOn(settings["fail-on"]), missing=bool(missing), zero=exit_zero)
    terms = terms._replace(exit_code=code, shortfall=missing)
    for file in others:
        write_file(report, file, terms)
    if rows:
        raise typer.Exit(code)
    if settings["format"] == "text" and all(facts.error for facts in report.capture_facts):
        raise typer.Exit(FAILED)  # standard error says why; what a program reads is whole all the same
    with standard_output() as out:
        if settings["format"] == "text":
            from pcapcheck.report.colour import Paint, wanted
            from pcapcheck.report.text import write_text

            write_text(report, out, paint=Paint(wanted(out)), width=width(), quiet=quiet, verbose=verbose)
        else:
            writer(settings["format"], terms)(report, out)
    raise typer.Exit(code)
