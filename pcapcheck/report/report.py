"""What a run found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pcapcheck.diagnoses import Cause, Causes
from pcapcheck.errors import CaptureError
from pcapcheck.faults.softening import Fault, softened
from pcapcheck.judge import Traffic
from pcapcheck.rules import Findings
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import OUTCOMES, SEVERITIES

if TYPE_CHECKING:
    import pandas as pd

    from pcapcheck.report.plots import Plots


class Report:
    """The handshakes, findings and captures of one run. DataFrames are built when they are asked for."""

    def __init__(
        self,
        capture_facts: Sequence[CaptureFacts],
        traffics: Sequence[Traffic],
        all_findings: Findings,
        all_causes: Sequence[Causes],
        errors: Sequence[CaptureError] = (),
        ignored: Sequence[str] = (),
    ) -> None:
        self.capture_facts = list(capture_facts)
        self.traffics = list(traffics)  # one a capture, in the same order
        self.all_findings = all_findings
        self.all_causes = list(all_causes)  # one a capture, in the same order
        self.errors = [*errors, *(facts.error for facts in capture_facts if facts.error)]
        self.ignored = list(ignored)  # files in folders that are no captures

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
        return Counter(OUTCOMES[code] for traffic in self.traffics for code in traffic.handshakes.outcome.tolist())

    def causes_of(self, capture: int, handshake: int) -> Iterator[Cause]:
        """The causes of one handshake of one capture, the first first."""
        return self.all_causes[capture].of(handshake)

    def softened(self) -> list[dict[Fault, Counter[str]]]:
        """For each capture which verdicts its faults explain, so that they are left undecided and nobody is blamed."""
        return [
            softened(traffic, facts, [one for one in self.all_findings.checked if one.capture == number])
            for number, (traffic, facts) in enumerate(zip(self.traffics, self.capture_facts, strict=True))
        ]

    def faults(self) -> list[list[str]]:
        """For each capture the ids of the rules about it that failed, and the names of faults that no rule finds."""
        found = [{fault.name for fault in one} for one in self.softened()]
        for one in self.all_findings.checked:
            if one.rule.id.startswith("CAP") and len(one.failed):
                found[one.capture].add(one.rule.id)
        return [sorted(names) for names in found]

    @property
    def handshakes(self) -> pd.DataFrame:
        """One row a handshake: tables.HANDSHAKES."""
        from pcapcheck.report.frames import handshakes_frame

        return handshakes_frame(self)

    @property
    def findings(self) -> pd.DataFrame:
        """One row a finding: tables.FINDINGS."""
        from pcapcheck.report.frames import findings_frame

        return findings_frame(self)

    @property
    def causes(self) -> pd.DataFrame:
        """One row a cause of a handshake: tables.CAUSES."""
        from pcapcheck.report.frames import causes_frame

        return causes_frame(self)

    @property
    def captures(self) -> pd.DataFrame:
        """One row a capture: tables.CAPTURES."""
        from pcapcheck.report.frames import captures_frame

        return captures_frame(self)

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
