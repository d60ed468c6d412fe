"""What a run found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from copy import copy
from itertools import accumulate
from os import PathLike, fspath
from typing import TYPE_CHECKING

from pcapcheck.diagnoses import Cause, Causes
from pcapcheck.errors import CaptureError, UsageError
from pcapcheck.faults.softening import Fault
from pcapcheck.judged import EVERYTHING, Part
from pcapcheck.rules import Findings
from pcapcheck.rules.catalogue import Rule, known_rule
from pcapcheck.rules.checked import Checked
from pcapcheck.tables import KEEPS, SEVERITIES, TABLES
from pcapcheck.traffic import Traffic

if TYPE_CHECKING:
    import pandas as pd

    from pcapcheck.report.plots import Plots


class Report:
    """The handshakes, findings and captures of one run. DataFrames are built when they are asked for."""

    def __init__(
        self,
        part: Part,
        errors: Sequence[CaptureError] = (),
        ignored: Sequence[str] = (),
        *,
        besides: Sequence[Checked] = (),
        before: int = 0,
    ) -> None:
        """Of judged captures; ``besides`` are findings that are of several of them, ``before`` the handshakes of those
        that stand in the run before them.
        """
        self.judged = part.captures
        self.totals = part.totals
        self.capture_facts = [one.facts for one in part.captures]
        checked = [one._replace(capture=number) for number, each in enumerate(self.judged) for one in each.checked]
        counted: Counter[tuple[str, str]] = Counter()
        for each in self.judged:
            counted.update(each.counted)
        self.all_findings = Findings([*checked, *besides], part.totals.undecidable, counted)
        self._besides: dict[int, set[str]] = {}  # by capture, the rules of those findings
        for one in besides:
            self._besides.setdefault(one.capture, set()).add(one.rule.id)
        self.known = 0  # findings left out because a baseline knows them
        self.errors = [*errors, *(facts.error for facts in self.capture_facts if facts.error)]
        self.ignored = list(ignored)  # files in folders that are no captures
        # The files that were read, in the order of captures, and how many of them are of captures before each.
        self.files = [file.path for facts in self.capture_facts for file in facts.files]
        self.files_before = list(accumulate((len(facts.files) for facts in self.capture_facts), initial=0))
        self.before = list(accumulate((one.size for one in self.judged), initial=before))  # handshakes, by capture

    def with_findings(self, all_findings: Findings, known: int) -> Report:
        """The same report with some of its findings left out, which are known."""
        other = copy(self)
        other.all_findings, other.known = all_findings, known
        return other

    @property
    def traffics(self) -> list[Traffic]:
        """The handshakes of each capture and their rows. Raises UsageError where not all of them were kept."""
        self.need(EVERYTHING)
        return [one.traffic for one in self.judged]

    @property
    def all_causes(self) -> list[Causes]:
        """The causes of each capture's handshakes. Raises UsageError where not all of them were kept."""
        self.need(EVERYTHING)
        return [one.causes for one in self.judged]

    def need(self, keep: str) -> None:
        """Raise UsageError where less was kept than this one of KEEPS."""
        if kept := [one.keep for one in self.judged if KEEPS.index(one.keep) < KEEPS.index(keep)]:
            raise UsageError(f"this needs check(..., keep={keep!r}), and the report has keep={kept[0]!r}")

    @property
    def interrupted(self) -> bool:
        """Whether reading was broken off by Ctrl-C: what was read by then is judged."""
        return any(facts.interrupted for facts in self.capture_facts)

    @property
    def ok(self) -> bool:
        """No finding of severity error, and every named input could be read."""
        return not self.errors and not self.all_findings.count("error")

    def worst(self) -> str | None:
        """The worst severity that a finding has."""
        return next((severity for severity in SEVERITIES if self.all_findings.count(severity)), None)

    def outcomes(self) -> Counter[str]:
        """How many handshakes came to each outcome."""
        return Counter(self.totals.outcomes)

    def handshake_id(self, capture: int, handshake: int) -> int:
        """The number in the run, from 1, of one that is kept of a capture."""
        return self.before[capture] + int(self.judged[capture].kept.at[handshake]) + 1

    def asked(self, capture: int) -> list[Rule]:
        """The rules that were asked of a capture, in the order of their ids."""
        return [known_rule(id) for id in sorted({*self.judged[capture].asked, *self._besides.get(capture, ())})]

    def causes_of(self, capture: int, handshake: int) -> Iterator[Cause]:
        """The causes of one handshake (of those that are kept) of one capture, the first first."""
        return self.judged[capture].causes.of(handshake)

    def softened(self) -> list[dict[Fault, Counter[str]]]:
        """For each capture which verdicts its faults explain, so that they are left undecided and nobody is blamed."""
        return [{fault: Counter(counts) for fault, counts in one.softened.items()} for one in self.judged]

    def faults(self) -> list[list[str]]:
        """For each capture the ids of the rules about it that failed, and the names of faults that no rule finds."""
        return [one.faults for one in self.judged]

    @property
    def handshakes(self) -> pd.DataFrame:
        """One row a handshake: tables.HANDSHAKES."""
        return self.frame("handshakes")

    @property
    def findings(self) -> pd.DataFrame:
        """One row a finding: tables.FINDINGS."""
        return self.frame("findings")

    @property
    def causes(self) -> pd.DataFrame:
        """One row a cause of a handshake: tables.CAUSES."""
        return self.frame("causes")

    @property
    def captures(self) -> pd.DataFrame:
        """One row a capture: tables.CAPTURES."""
        return self.frame("captures")

    @property
    def hosts(self) -> pd.DataFrame:
        """One row an address: tables.HOSTS."""
        return self.frame("hosts")

    def frame(self, table: str, *, columns: Sequence[str] = (), exclude: Sequence[str] = ()) -> pd.DataFrame:
        """One of the tables, with these columns (all, if none is named) and not those.

        What is left out is not made: of millions of handshakes, ``exclude=pcapcheck.COSTLY`` saves most of the time.
        Raises UsageError for a table or a column that does not exist.
        """
        from pcapcheck.report.frames import handshakes_frame, related_frame

        names = chosen_columns(table, columns, exclude)
        return handshakes_frame(self, names) if table == "handshakes" else related_frame(self, table, names)

    def to_csv(self, path: str | PathLike[str], *, schema: str = "") -> None:
        """Write the handshakes as CSV, as ``-o csv:FILE`` does; with schema ``zeek`` as its conn.log."""
        self._write("csv", path, schema)

    def to_jsonl(self, path: str | PathLike[str], *, schema: str = "") -> None:
        """Write the handshakes as JSON lines, as ``-o jsonl:FILE`` does: exact integers in nanoseconds.

        With schema ``zeek`` or ``ecs`` under the names of these.
        """
        self._write("jsonl", path, schema)

    def _write(self, format: str, path: str | PathLike[str], schema: str) -> None:
        from pcapcheck.report.output import Output, write_file
        from pcapcheck.report.terms import Terms

        if schema:
            from pcapcheck.report.schemas import refuse_schema

            refuse_schema(schema, [format])
        write_file(self, Output(format, fspath(path)), Terms(schema=schema))

    def to_parquet(
        self,
        path: str | PathLike[str],
        *,
        tables: Sequence[str] = (),
        columns: Sequence[str] = (),
        exclude: Sequence[str] = (),
    ) -> None:
        """Write the handshakes to a Parquet file, or, where ``path`` is a folder or ends in a slash, every table.

        ``tables`` chooses among them (and may ask for segments), ``columns`` and ``exclude`` among the columns of
        handshakes. Needs pyarrow: raises UsageError without it.
        """
        from pcapcheck.report.parquet import write_parquet

        write_parquet(self, fspath(path), tables=tables, columns=columns, exclude=exclude)

    def to_html(self, path: str | PathLike[str]) -> None:
        """Write the report for people as one HTML file that needs nothing else."""
        from pcapcheck.report.document import write_document

        write_document(self, fspath(path), "html")

    def to_markdown(self, path: str | PathLike[str]) -> None:
        """Write the report for people as Markdown."""
        from pcapcheck.report.document import write_document

        write_document(self, fspath(path), "markdown")

    @property
    def plot(self) -> Plots:
        """The charts, each a method: ``report.plot.rtt_ecdf()``, ``report.plot.ladder(3)``."""
        from pcapcheck.report.plots import Plots

        return Plots(self)

    def summary(self) -> str:
        """The summary that `pcapcheck check` prints, as text."""
        from pcapcheck.report.text import summary

        return summary(self)

    def _repr_html_(self) -> str:
        from pcapcheck.report.notebook import report_html

        return report_html(self)


def chosen_columns(table: str, columns: Sequence[str] = (), exclude: Sequence[str] = ()) -> list[str]:
    """The columns of a table that these options leave, in the order asked for."""
    tables = [name for name in TABLES if name != "segments"]  # a report keeps no segments: read_pcap has them
    if table not in tables:
        raise UsageError(f"a report has no table {table!r}: there are {', '.join(tables)}")
    for name in (*columns, *exclude):
        if name not in TABLES[table]:
            raise UsageError(f"the table {table} has no column {name!r}")
    return [name for name in columns or TABLES[table] if name not in exclude]
