"""A name for a finding that stays the same from run to run: what a baseline, SARIF and GitLab know it by.

It is made of the rule, the capture's path within the project, the client's address, the server's address and port, and
an ordinal among findings that agree in all these. Frame numbers, times, sequence numbers and the client's port are
not in it: they change whenever traffic is recorded again, or a capture is trimmed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import NamedTuple

from pcapcheck.expect.catalogue import EXPECTATIONS
from pcapcheck.report.identify import parties
from pcapcheck.report.places import namer
from pcapcheck.report.report import Report
from pcapcheck.rules import Finding


def fingerprint(rule: str, path: str, client_ip: str, server_ip: str, server_port: int | None, ordinal: int) -> str:
    """64 hexadecimal digits. ``path`` is the name of the capture in the project; a finding about a capture has no
    addresses ("") and no port (None).
    """
    port = "" if server_port is None else str(server_port)
    text = "\0".join((rule, path, client_ip, server_ip, port, str(ordinal)))
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


class Kind(NamedTuple):
    """What findings that are alike agree in. A finding about a capture has no addresses ("") and no port (None)."""

    rule: str
    capture: str  # its name in the project
    client: str = ""
    server: str = ""
    port: int | None = None  # of the server
    says: str = ""  # which of several expectations; empty for the rules of the catalogue


def kinds(report: Report, name: Callable[[str], str] | None = None) -> Iterator[tuple[Finding, Kind]]:
    """Each finding of the report, in its order, with its kind.

    ``name`` turns the path of a capture as given into its name in the project (default: places.namer()).
    """
    report.need("shown")
    name = name or namer()
    names = [name(facts.path) for facts in report.capture_facts]
    for finding in report.all_findings:
        ends = parties(report, finding)
        client, server, port = (ends.client_ip, ends.server_ip, ends.server_port) if ends else ("", "", None)
        says = finding.expected if finding.rule.id in EXPECTATIONS else ""
        yield finding, Kind(finding.rule.id, names[finding.capture], client, server, port, says)


def fingerprinted(report: Report, name: Callable[[str], str] | None = None) -> Iterator[tuple[Finding, str]]:
    """Each finding of the report, in its order, with its fingerprint: no two are the same.

    The first finding of its kind has ordinal 0. Where one of several alike is gone, it is the last ordinal that goes.
    """
    seen: Counter[Kind] = Counter()
    for finding, kind in kinds(report, name):
        rule = f"{kind.rule} {kind.says}" if kind.says else kind.rule
        yield finding, fingerprint(rule, *kind[1:5], seen[kind])
        seen[kind] += 1
