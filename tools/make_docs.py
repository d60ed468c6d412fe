"""Writes what the docs say of the code from the code itself: ``python tools/make_docs.py [--check]``.

Rules, diagnoses, tables, the table of decisions, the command line's help, and what the commands in the README and in
the other pages print. With ``--check`` nothing is written; pages that differ are named, and the exit code is 1.
"""

from __future__ import annotations

import io
import os
import re
import sys
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
sys.path.insert(0, str(ROOT))  # this tree's rules, also where another version is installed

from doc_examples import with_outputs  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from pcapcheck import check, tables  # noqa: E402
from pcapcheck.cli.commands import COMMANDS, app  # noqa: E402
from pcapcheck.diagnoses import DIAGNOSES, Diagnosis  # noqa: E402
from pcapcheck.evidence import Fact  # noqa: E402
from pcapcheck.expect.catalogue import EXPECTATIONS  # noqa: E402
from pcapcheck.handshake import OUTCOME_OF, SHAPE_OF, Decision  # noqa: E402
from pcapcheck.report.explanation import shortened  # noqa: E402
from pcapcheck.report.text import write_text  # noqa: E402
from pcapcheck.rules import RULES, Rule  # noqa: E402

# The groups of the catalogue, by the letters that an id begins with.
GROUPS = {
    "CAP": "What the capture lacks",
    "CK": "Load",
    "EC": "Explicit Congestion Notification",
    "EX": "Expectations of a policy",
    "HS": "Order and numbers",
    "IC": "ICMP",
    "IS": "Initial sequence numbers",
    "MP": "Multipath TCP",
    "OC": "Outcomes",
    "OP": "Options",
    "PT": "Ports",
    "RS": "Resets",
    "ST": "Shapes",
    "TD": "Teardown",
    "TF": "Fast Open",
    "TM": "Timers",
}

PAGES: dict[str, Rule] = dict(sorted({**RULES, **EXPECTATIONS}.items()))

INTRODUCTION = """\
# Rules

Every rule answers pass, fail, not applicable or undecidable for each handshake (or once for the capture). A failed one
is a finding. `pcapcheck explain RULE` prints the same pages; `--select` and `--ignore` take an id, the beginning of
one, or a name.

Severities: **error** contradicts the standard, **warning** is a failure or a deviation with harmless causes too,
**note** is worth knowing, **info** only names what was seen.
"""


DIAGNOSES_INTRODUCTION = """\
# Diagnoses

A diagnosis explains a handshake, or says what is true of it. **proved** follows from the segments, **strong** leaves
little doubt, **compatible** is one of several: its rivals, and the observation that would decide, stand beside it.
`pcapcheck show` prints the causes of one handshake, `pcapcheck explain D04` the same pages.

Events of many handshakes (scans, floods, backscatter, retry loops) are findings too, once each, and of the attempts
that are part of one only errors are found. `--ignore D12` gives them back.
"""


TABLES_INTRODUCTION = """\
# Tables

What `Report` has as DataFrames (`report.handshakes`, `report.frame("handshakes", columns=[...])`) and `read_pcap` gives
(segments). A column is added in `pcapcheck/tables.py` first.

| table | one row | key | refers to |
|---|---|---|---|
| handshakes | an attempt | `handshake_id` | captures by `capture`, hosts by `client_ip` and `server_ip` |
| findings | a finding | | handshakes by `handshake_id` (NA: about the capture), captures by `capture` |
| causes | a cause of a handshake | | handshakes by `handshake_id` |
| captures | an input | `capture` | |
| hosts | an address | `ip` | |
| segments | a TCP segment | `capture`, `frame` | the frames of handshakes and findings are frames of their capture |

In files the names are the same but for times that would lose their type. Parquet (`-o parquet:FILE`, or
`-o parquet:FOLDER/` for all tables but segments; `report.to_parquet`) keeps the dtypes; a timedelta is an int64 of
nanoseconds under `..._ns`, a category a dictionary-encoded string, a list a list. JSON lines and CSV have integers of
nanoseconds for all times (`start_time_ns`, `server_rtt_ns`). pandas reads the Parquet back with its integers whole by
`pandas.read_parquet(file, dtype_backend="numpy_nullable")`.
"""


def letters(rule: Rule) -> str:
    return rule.id.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ").rstrip("0123456789")


def index() -> str:
    """The table of all rules."""
    parts = [INTRODUCTION]
    for group, rules in groupby(PAGES.values(), letters):
        parts.append(f"## {GROUPS[group]}\n\n| id | name | severity | finds |\n|---|---|---|---|\n")
        parts[-1] += "".join(
            f"| [{rule.id}](rules/{rule.id}.md) | `{rule.slug}` | {rule.severity} | {rule.title} |\n" for rule in rules
        )
    return "\n".join(parts)


def page(rule: Rule) -> str:
    """The manual page of one rule."""
    parts = [
        f"# {rule.id} `{rule.slug}`\n",
        f"{rule.title}\n",
        f"| severity | reference | needs |\n|---|---|---|\n| {rule.severity} | {rule.reference} | {rule.needs} |\n",
    ]
    parts += [f"## {heading}\n\n{text}\n" for heading, text in rule.sections.items()]
    return "\n".join([*parts, *examples(rule)])


def examples(one: Rule | Diagnosis) -> list[str]:
    return [
        f"## {heading}\n\n```\n{shortened(exchange)}\n```\n"
        for heading, exchange in (("Found in", one.fires), ("Not found in", one.silent))
    ]


def diagnoses_index() -> str:
    """The table of all diagnoses."""
    parts = [DIAGNOSES_INTRODUCTION, "| id | name | explains |\n|---|---|---|\n"]
    parts[-1] += "".join(
        f"| [{one.id}](diagnoses/{one.id}.md) | `{one.slug}` | {one.title} |\n" for one in DIAGNOSES.values()
    )
    return "\n".join(parts)


def diagnosis_page(one: Diagnosis) -> str:
    """The manual page of one diagnosis."""
    rivals = ", ".join(f"`{rival}`" for rival in one.rivals) or "none"
    parts = [
        f"# {one.id} `{one.slug}`\n",
        f"{one.title}\n",
        f"| the application saw | rivals | decided by |\n|---|---|---|\n| {one.application} | {rivals} | "
        f"{one.decide_by.replace('|', '&#124;')} |\n",
    ]
    parts += [f"## {heading}\n\n{text}\n" for heading, text in one.sections.items()]
    return "\n".join([*parts, *examples(one)])


def table_page() -> str:
    """The columns of every public table."""
    parts = [TABLES_INTRODUCTION]
    for name, schema in tables.TABLES.items():
        parts.append(f"## {name}\n\n| column | dtype | meaning |\n|---|---|---|\n")
        for column, (dtype, meaning, categories, holds) in schema.items():
            values = ", ".join(f"`{category}`" for category in categories if category)
            kind = f"{dtype}: {holds}" if holds else dtype
            parts[-1] += f"| `{column}` | {kind} | {'; '.join(filter(None, (meaning, values)))} |\n"
    return "\n".join(parts)


def decision_page() -> str:
    """The state machine: the two tables of handshake.py."""
    names = {value: name for name, value in vars(Fact).items() if isinstance(value, int)}

    def facts(bits: int) -> str:
        return ", ".join(f"`{name}`" for value, name in names.items() if bits & value) or "-"

    def rows(table: tuple[Decision, ...]) -> str:
        return "".join(
            f"| `{line.verdict or '(none)'}` | {facts(line.shown)} | {facts(line.not_shown)} | {line.because} |\n"
            for line in table
        )

    head = "| verdict | shown | not shown | because |\n|---|---|---|---|\n"
    return (
        "# How a handshake is decided\n\n"
        "What an attempt has shown is collected as facts (`pcapcheck/evidence.py`); the first line that fits wins.\n\n"
        f"## Outcome\n\n{head}{rows(OUTCOME_OF)}\n## Shape of a complete handshake\n\n{head}{rows(SHAPE_OF)}"
    )


def readme(name: str) -> str:
    """A README, its example as the program prints it today."""
    text = (ROOT / name).read_text(encoding="utf-8")
    printed = io.StringIO()
    os.chdir(ROOT)
    write_text(check("sample_captures/handshakes.pcap"), printed)
    shown, _, _ = printed.getvalue().partition("\n\nServers with failed handshakes")
    command = "$ pcapcheck check sample_captures/handshakes.pcap\n"
    return re.sub(rf"(?<={re.escape(command)}).*?(?=```)", lambda _: f"{shown}\n...\n", text, count=1, flags=re.DOTALL)


def cli_page() -> str:
    """The help of every command, as it is printed 100 columns wide."""
    os.environ["COLUMNS"] = "100"
    runner = CliRunner()
    parts = ["# Command line\n\nWhat `--help` prints.\n"]
    for command in ("", *COMMANDS):
        printed = runner.invoke(app, [*command.split(), "--help"], prog_name="pcapcheck").stdout.strip()
        parts.append(f"## pcapcheck {command}".rstrip() + f"\n\n```\n{printed}\n```\n")
    return "\n".join(parts)


def pages() -> dict[Path, str]:
    generated = {
        **{ROOT / name: readme(name) for name in ("README.md", "README.zh-CN.md")},
        DOCS / "cli.md": cli_page(),
        DOCS / "tables.md": table_page(),
        DOCS / "decisions.md": decision_page(),
        DOCS / "rules.md": index(),
        **{DOCS / "rules" / f"{rule.id}.md": page(rule) for rule in PAGES.values()},
        DOCS / "diagnoses.md": diagnoses_index(),
        **{DOCS / "diagnoses" / f"{one.id}.md": diagnosis_page(one) for one in DIAGNOSES.values()},
    }
    by_hand = sorted(set(DOCS.rglob("*.md")) - set(generated) - named_like_generated())
    return {**generated, **{path: with_outputs(path.read_text(encoding="utf-8")) for path in by_hand}}


def named_like_generated() -> set[Path]:
    """The pages of rules and diagnoses, also of those that are no more. Pages made by hand have no capital."""
    return {path for folder in ("rules", "diagnoses") for path in (DOCS / folder).glob("[A-Z]*.md")}


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    made = pages()
    stale = [path for path, text in made.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    superfluous = sorted(named_like_generated() - set(made))
    for path in (*stale, *superfluous):
        print(path.relative_to(ROOT))
    if not arguments:
        for path in stale:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made[path], encoding="utf-8")
        for path in superfluous:
            path.unlink()
    return 1 if arguments and (stale or superfluous) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
