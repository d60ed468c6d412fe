"""A finding as a result of SARIF (section 3.27)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pcapcheck.report.community_id import community_id
from pcapcheck.report.handshake_frames import handshake_frames
from pcapcheck.report.identify import finding_filter, frames_text, numbers_and_files
from pcapcheck.report.report import Report
from pcapcheck.report.sarif_places import Places
from pcapcheck.report.sarif_rules import LEVELS
from pcapcheck.report.text import said
from pcapcheck.rules import Finding
from pcapcheck.tables import ABSENT

# Of our own fingerprint in the one that GitHub reads: enough never to collide, as short as CodeQL's.
_SHORT: Final = 16
# GitHub takes 1,000 locations of a result and shows 100.
_MOST_RELATED: Final = 100


class Results:
    """Makes results; knows of the run what they refer to."""

    def __init__(self, report: Report, places: Places, rule_index: Mapping[str, int]) -> None:
        self._report, self._places, self._rule_index = report, places, rule_index
        self._filter = finding_filter(report)

    def result(self, finding: Finding, mark: str) -> dict[str, Any]:
        """One result. All lie on line 1 of their capture, so the fingerprints must tell them apart."""
        frames, shows = finding.frames, self._filter(finding)
        text = said(self._report, finding)
        first = frames[0] if frames else None
        facts = self._report.capture_facts[finding.capture]
        if first is not None:
            text = f"Frame {frames_text(facts, [first])}: {text}"
        if shows:
            text += f". Wireshark: {shows}"
        result: dict[str, Any] = {
            "ruleId": finding.rule.id,
            "ruleIndex": self._rule_index[finding.rule.id],
            "level": LEVELS[finding.severity],
            "message": {"text": text},
            "locations": [self._places.location(finding.capture, first)],
            "partialFingerprints": {
                "pcapcheckFinding/v1": mark,
                "primaryLocationLineHash": f"{mark[:_SHORT]}:1",
            },
        }
        if related := frames[1 : 1 + _MOST_RELATED]:
            result["relatedLocations"] = [
                {
                    "id": number,
                    **self._places.location(finding.capture, frame),
                    "message": {"text": f"frame {frames_text(facts, [frame])}"},
                }
                for number, frame in enumerate(related, start=1)
            ]
        if flow := self._flow(finding):
            result["codeFlows"] = [{"threadFlows": [{"locations": flow}]}]
        result["properties"] = self._properties(finding, shows)
        return result

    def _flow(self, finding: Finding) -> list[dict[str, Any]]:
        """Section 3.36: SYN, SYN-ACK, ACK as steps, where there are two of them at least."""
        steps = handshake_frames(self._report, finding)
        if len(steps) < 2:
            return []
        return [
            {
                "location": {**self._places.location(finding.capture, frame), "message": {"text": words}},
                "executionOrder": number,
                "importance": "essential" if frame in finding.frames else "important",
            }
            for number, (frame, words) in enumerate(steps, start=1)
        ]

    def _properties(self, finding: Finding, shows: str) -> dict[str, Any]:
        facts = self._report.capture_facts[finding.capture]
        frames, files = numbers_and_files(facts, finding.frames)
        properties: dict[str, Any] = {
            "severity": finding.severity,
            "frames": frames,
            **({"files": files} if facts.parts else {}),
            "expected": finding.expected,
            "actual": finding.actual,
        }
        if shows:
            properties["wiresharkFilter"] = shows
        if finding.handshake != ABSENT:
            handshakes, index = self._report.judged[finding.capture].traffic.handshakes, finding.handshake
            properties["communityId"] = community_id(
                handshakes.client_address[index],
                int(handshakes.client_port[index]),
                handshakes.server_address[index],
                int(handshakes.server_port[index]),
            )
        return properties
