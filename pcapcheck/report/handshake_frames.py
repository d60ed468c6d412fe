"""The frames that the verdict on a handshake stands on, in order, each in words."""

from __future__ import annotations

from pcapcheck.report.report import Report
from pcapcheck.rules import Finding
from pcapcheck.tables import ABSENT


def handshake_frames(report: Report, finding: Finding) -> list[tuple[int, str]]:
    """SYN, SYN-ACK and what completed the handshake of a finding, as far as each was captured.

    None where the finding is about a capture.
    """
    if finding.handshake == ABSENT:
        return []
    handshakes, index = report.judged[finding.capture].traffic.handshakes, finding.handshake

    def number(name: str) -> int:
        return int(getattr(handshakes, name)[index])

    def numbers(seq: str, ack: str = "") -> str:
        parts = [f"{word} {number(name)}" for word, name in (("seq", seq), ("ack", ack)) if name]
        return ", ".join(part for part in parts if not part.endswith(f" {ABSENT}"))

    steps = (
        ("syn_frame", "SYN", numbers("client_isn")),
        ("synack_frame", "SYN-ACK", numbers("server_isn", "synack_ack")),
        ("ack_frame", "ACK", numbers("ack_seq", "ack_ack")),
    )
    return [(number(name), f"{what}: {said}" if said else what) for name, what, said in steps if number(name) != ABSENT]
