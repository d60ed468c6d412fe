"""pcapcheck: an offline pcap analyser and TCP handshake verifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pcapcheck._version import __version__

if TYPE_CHECKING:
    from pcapcheck.contents import info
    from pcapcheck.errors import CaptureError, PcapcheckError, UnrecognisedFormat, UsageError
    from pcapcheck.report.report import Report
    from pcapcheck.rules import RULES
    from pcapcheck.run import check, explain, read_pcap
    from pcapcheck.stream import iter_findings, iter_handshakes
    from pcapcheck.tables import COSTLY

__all__ = [
    "COSTLY",
    "RULES",
    "CaptureError",
    "PcapcheckError",
    "Report",
    "UnrecognisedFormat",
    "UsageError",
    "__version__",
    "check",
    "explain",
    "info",
    "iter_findings",
    "iter_handshakes",
    "read_pcap",
]

# Where each public name lives: loaded on first use, so that importing pcapcheck costs next to nothing.
_HOMES = {
    "COSTLY": "pcapcheck.tables",
    "RULES": "pcapcheck.rules",
    "CaptureError": "pcapcheck.errors",
    "PcapcheckError": "pcapcheck.errors",
    "UnrecognisedFormat": "pcapcheck.errors",
    "UsageError": "pcapcheck.errors",
    "Report": "pcapcheck.report.report",
    "check": "pcapcheck.run",
    "explain": "pcapcheck.run",
    "info": "pcapcheck.contents",
    "iter_findings": "pcapcheck.stream",
    "iter_handshakes": "pcapcheck.stream",
    "read_pcap": "pcapcheck.run",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pcapcheck' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
