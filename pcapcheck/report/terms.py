"""What a run was asked for: what outputs for machines say beside what was found."""

from __future__ import annotations

from typing import NamedTuple

from pcapcheck.tables import SEVERITIES


class Terms(NamedTuple):
    """The terms of a run. The defaults are those of the command line."""

    fail_on: str = "error"  # the least severity that fails a run, or never
    exit_code: int | None = None
    quiet: bool = False  # text is the summary alone
    verbose: bool = False  # findings of severity info are shown too
    shortfall: str = ""  # what --require-handshakes misses, in one sentence
    junit_per: str = "rule"  # what a test case is: a rule of a capture, or a connection
    with_handshakes: bool = False  # the JSON document lists them
    schema: str = ""  # whose names rows of handshakes have: zeek or ecs; empty for ours

    def fails(self, severity: str) -> bool:
        """Whether a finding of this severity fails the run."""
        return self.fail_on != "never" and SEVERITIES.index(severity) <= SEVERITIES.index(self.fail_on)

    def shows(self, severity: str) -> bool:
        """Whether a finding of this severity is one to show to people: all but info, unless that is asked for."""
        return severity != "info" or self.verbose or self.fails(severity)
