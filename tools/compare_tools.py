"""Writes what tshark, argus and tcptrace say of the probes into docs: ``python tools/compare_tools.py [--check]``.

A probe is an exchange in tests/probes/ with one thing wrong, or with nothing wrong that is easily misjudged; its first
line says what. With ``--check`` nothing is written, and the exit code is 1 where the page differs.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "compared-with-tshark.md"
PROBES = sorted((ROOT / "tests" / "probes").glob("*.exchange"))
sys.path.insert(0, str(ROOT))  # this tree's verdicts, also where another version is installed

from pandas import isna  # noqa: E402

from pcapcheck import check  # noqa: E402
from pcapcheck.testing import parse_exchange  # noqa: E402
from pcapcheck.testing.notation import Settings  # noqa: E402

HEADING = "## What each tool says of a wrong handshake"
INTRODUCTION = """\
The probes are `tests/probes/*.exchange`: x is the client's initial sequence number, y the server's, times are in
seconds. `tests/test_other_tools.py` runs the tools and holds their answers against this table, which
`tools/compare_tools.py` writes.

- pcapcheck: the outcome, the shape, the time from SYN to ACK, and findings of severity note or worse.
- tshark: `tcp.completeness` (7 is SYN, SYN-ACK and ACK), `tcp.analysis.initial_rtt`, `tcp.analysis.ack_rtt` of each
  segment that has one, and expert items of severity note or worse.
- argus: the state of each record (CON is connected), its flags if any, `tcprtt`, and who is the client where it errs.
- tcptrace: whether it saw the whole connection, `RTT from 3WHS` of the two sides, its warnings, and who is the client
  where it errs.
"""
PI_NOTE = 0x400000  # the severity "note" of an expert item
CLIENT = ".".join(map(str, Settings().client.address))


class Tool(NamedTuple):
    """A program that reads captures."""

    programs: tuple[str, ...]  # all are needed
    package: str  # Debian's
    version: Callable[[], str]
    says: Callable[[Path], str]  # of one capture, in the words of the table


def printed(*command: str | Path, given: bytes = b"") -> str:
    return subprocess.run(command, input=given, capture_output=True, check=True).stdout.decode()


def version(*command: str) -> str:
    """The first dotted number that the command prints; argus prints it beside a complaint about its arguments."""
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"\d+(?:\.\d+)+", run.stdout + run.stderr)
    assert found, run
    return found[0]


def short(seconds: str | Decimal) -> str:
    return f"{Decimal(seconds).normalize():f}"


def joined(parts: Iterable[str]) -> str:
    return "; ".join(filter(None, parts))


def pcapcheck_says(capture: Path) -> str:
    """Of each handshake its outcome, then the findings."""
    report = check(capture)
    said = []
    for row in report.handshakes.to_dict("records"):
        interval = row["handshake_rtt_min"], row["handshake_rtt_max"]
        times = [short(Decimal(time.value).scaleb(-9)) for time in dict.fromkeys(interval) if not isna(time)]
        facts = (row["outcome"], row["shape"], " to ".join(times) + " s" if times else "")
        said.append(", ".join(filter(None, facts)))
    said += [
        f"{found.severity} {found.rule.id}: {found.message}"
        for found in report.all_findings
        if found.severity != "info"
    ]
    return joined(said)


def tshark_says(capture: Path) -> str:
    """Of each stream what holds for all of it; then the expert items, each once with its count."""
    fields = (
        *("tcp.stream", "tcp.completeness", "tcp.analysis.initial_rtt", "tcp.analysis.ack_rtt"),
        *("_ws.expert.severity", "_ws.expert.message"),
    )
    lines = printed(
        *("tshark", "-2", "-n", "-r", capture, "-Y", "tcp", "-T", "fields", "-E", "aggregator=|"),
        *(word for field in fields for word in ("-e", field)),
    )  # fmt: skip
    streams: dict[str, dict[str, dict[str, None]]] = {}
    items: Counter[str] = Counter()
    for line in lines.splitlines():
        stream, completeness, initial, ack, severities, messages = line.split("\t")
        facts = streams.setdefault(stream, {"completeness": {}, "initial_rtt": {}, "ack_rtt": {}})
        facts["completeness"][completeness] = None
        for name, seconds in (("initial_rtt", initial), ("ack_rtt", ack)):
            if seconds:
                facts[name][short(seconds)] = None
        for severity, message in zip(severities.split("|"), messages.split("|"), strict=True):
            if severity and int(severity) >= PI_NOTE:
                items[message.removesuffix(" (common at capture start)")] += 1
    return joined(
        [
            ", ".join(f"{name} {' and '.join(values)}" for name, values in facts.items() if values)
            for facts in streams.values()
        ]
        + [item if count == 1 else f"{count} x {item}" for item, count in items.items()]
    )


def argus_says(capture: Path) -> str:
    """Of each record of a connection its state."""
    records = subprocess.run(
        ["argus", "-F", "/dev/null", "-r", capture, "-w", "-"], capture_output=True, check=True
    ).stdout
    table = printed(
        *("ra", "-F", "/dev/null", "-n", "-r", "-", "-c", ",", "-s", "saddr", "flgs", "state", "tcprtt", "-", "tcp"),
        given=records,
    )
    said = []
    for line in table.splitlines()[1:]:
        source, flags, state, rtt = (word.strip() for word in line.split(","))
        marks = flags.removeprefix("e").strip()
        said.append(
            f"{state}{f' with flag {marks}' if marks else ''}, tcprtt {short(rtt)}"
            + ("" if source == CLIENT else f", client {source}")
        )
    return joined(said)


def tcptrace_says(capture: Path) -> str:
    """Of each connection what was counted, then the warnings."""
    run = subprocess.run(["tcptrace", "-l", "-r", "-n", capture], capture_output=True, text=True, check=True)
    connections = re.split(r"^TCP connection \d+:$", run.stdout, flags=re.MULTILINE)[1:]
    said = []
    for connection in connections:
        complete = re.search(r"complete conn: .*", connection)
        host = re.search(r"host \w+: +(.*):\d+", connection)
        assert complete, connection
        assert host, connection
        facts = [re.sub(r"\s+", " ", complete[0].replace(")  (", ", "))]
        for name, pattern in (("RTT from 3WHS", r"([\d.]+) ms"), ("hardware dups", r"(\d+) segs")):
            sides = re.search(rf"{name}: +{pattern} +{name}: +{pattern}", connection)
            if sides and any(float(side) for side in sides.groups()):
                unit = " ms" if "ms" in pattern else ""
                facts.append(f"{name} {sides[1]} and {sides[2]}{unit}")
        if host[1] != CLIENT:
            facts.append(f"client {host[1]}")
        said.append(", ".join(facts))
    warnings = re.findall(r"^TCP packet \d+: (.*?)\.? *$", run.stderr, re.MULTILINE)
    return joined(said + warnings)


TOOLS = {
    "pcapcheck": Tool((), "", lambda: "", pcapcheck_says),
    "tshark": Tool(("tshark",), "tshark", lambda: version("tshark", "--version"), tshark_says),
    "argus": Tool(("argus", "ra"), "argus-server argus-client", lambda: version("argus", "-V"), argus_says),
    "tcptrace": Tool(("tcptrace",), "tcptrace", lambda: version("tcptrace", "-version"), tcptrace_says),
}


def number_of(probe: Path) -> str:
    """What a probe is called in the table."""
    return probe.stem.partition("_")[0]


def column(tool: str) -> dict[str, str]:
    """What a tool says of each probe."""
    with tempfile.TemporaryDirectory() as folder:

        def said(probe: Path) -> str:
            capture = Path(folder, f"{probe.stem}.pcap")
            parse_exchange(probe.read_text(encoding="utf-8")).write_pcap(capture)
            return TOOLS[tool].says(capture)

        with ThreadPoolExecutor(8) as pool:  # argus waits for a second before it reads
            return dict(zip(map(number_of, PROBES), pool.map(said, PROBES), strict=True))


def section() -> str:
    """The heading, the introduction and the table."""
    columns = {name: column(name) for name in TOOLS}
    lines = [
        ["probe", "what is wrong", *(f"{name} {tool.version()}".strip() for name, tool in TOOLS.items())],
        ["---"] * (2 + len(TOOLS)),
    ]
    for probe in PROBES:
        number = number_of(probe)
        wrong = parse_exchange(probe.read_text(encoding="utf-8")).description
        lines.append([number, wrong, *(said[number] for said in columns.values())])
    return f"{HEADING}\n\n{INTRODUCTION}\n" + "".join(f"| {' | '.join(escaped(line))} |\n" for line in lines)


def escaped(cells: Iterable[str]) -> list[str]:
    """Cells of a Markdown table."""
    return [re.sub(r"([|*<])", r"\\\1", cell) for cell in cells]


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    text = PAGE.read_text(encoding="utf-8")
    made = text.partition(HEADING)[0].rstrip() + "\n\n" + section()
    if made == text:
        return 0
    print(PAGE.relative_to(ROOT))
    if arguments:
        return 1
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
