"""Where SARIF says that something is: the file by a URI, the frame by its octets and by its number."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import numpy as np

from pcapcheck.capture.address import is_remote
from pcapcheck.report.frame_places import FramePlace, frame_places
from pcapcheck.report.handshake_frames import handshake_frames
from pcapcheck.report.places import inside, namer, project_root
from pcapcheck.report.report import Report
from pcapcheck.rules import Finding

# What GitHub and SARIF viewers call the root of a checkout.
ROOT: Final = "%SRCROOT%"

# RFC 3986's reserved characters, and the mark of those that are quoted already.
_IN_URLS: Final = ":/?#[]@!$&'()*+,;=%"


def artifact_location(path: str, root: str) -> dict[str, Any]:
    """Section 3.4. Relative to the project's root; a capture outside of it by its file URI, a remote one by its URL."""
    if path == "-":
        return {"uri": "stdin", "description": {"text": "standard input"}}
    if is_remote(path):
        return {"uri": quote(path, safe=_IN_URLS)}
    relative = inside(path, root)
    return {"uri": _file_uri(path)} if relative is None else {"uri": _quoted(relative), "uriBaseId": ROOT}


def _file_uri(path: str) -> str:
    try:
        return Path(os.path.abspath(path)).as_uri()
    except ValueError:
        return _quoted(path)


def _quoted(path: str) -> str:
    """The octets of a name as RFC 3986 has them, also those that are no UTF-8; a colon would make a scheme."""
    return quote(os.fsencode(path), safe="/")


class Places:
    """The places of the frames of some findings."""

    def __init__(self, report: Report, findings: Iterable[Finding]) -> None:
        self._captures = report.capture_facts
        # The files of the captures, one capture after the other.
        files = [file for facts in self._captures for file in facts.files]
        self._first = report.files_before
        wanted: list[set[int]] = [set() for _ in files]
        for finding in findings:
            for frame in (*finding.frames, *(frame for frame, _ in handshake_frames(report, finding))):
                file, number = self.place(finding.capture, frame)
                wanted[file].add(number)
        self._found = [frame_places(facts, frames) for facts, frames in zip(files, wanted, strict=True)]
        root = project_root()
        name = namer(root)
        self._names = [name(path) for path in report.files]
        self.artifacts = [artifact_location(path, root) for path in report.files]

    def place(self, capture: int, frame: int) -> tuple[int, int]:
        """Which of the files a frame of a capture is in, and its number there."""
        file, number = self._captures[capture].places(np.array([frame], np.int64))
        return self._first[capture] + int(file[0]), int(number[0])

    def location(self, capture: int, frame: int | None) -> dict[str, Any]:
        """Section 3.28: the file, and in it the frame, where there is one; else the first file of the capture."""
        file, number = self.place(capture, frame) if frame is not None else (self._first[capture], None)
        artifact = {**self.artifacts[file], "index": file}
        # GitHub shows nothing that has no line, and ignores octets; other viewers go to the octets.
        region: dict[str, int] = {"startLine": 1}
        found: FramePlace | None = self._found[file].get(number) if number is not None else None
        if found:
            region |= {"byteOffset": found.offset, "byteLength": found.length}
        location: dict[str, Any] = {"physicalLocation": {"artifactLocation": artifact, "region": region}}
        if number is not None:
            name = f"{self._names[file]}#frame={number}"
            location["logicalLocations"] = [{"name": f"frame {number}", "fullyQualifiedName": name, "kind": "element"}]
        return location
