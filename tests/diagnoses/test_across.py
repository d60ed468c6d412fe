"""Diagnoses that look across handshakes, at injected segments and at the capture: their examples, literally."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from pcapcheck.diagnoses import DIAGNOSES
from pcapcheck.testing import parse_exchange
from tests.diagnoses.causes import Found, of_capture
from tests.diagnoses.test_examples import EXPECTED as OF_SINGLE_CONNECTIONS

# Events of many handshakes: how many, certainty, evidence of the first, detail.
EVENTS: Final = {
    "D09": (12, "compatible", (1,), "SYN scan by 192.0.2.1: 12 ports of 1 host, 2 open, 10 closed"),
    "D10": (12, "compatible", (1,), "connect scan by 192.0.2.1: 12 ports of 1 host, 2 open, 10 closed"),
    "D11": (3, "strong", (1,), "Xmas scan by 192.0.2.1: 3 ports, 1 probe answered by an RST"),
    "D12": (
        50, "strong", (1,),
        "SYN flood at 198.51.100.2:80: 50 SYNs from 50 addresses in 0.490 s, 50 left half-open",
    ),
    "D13": (
        6, "compatible", (1,),
        "backscatter of 198.51.100.2: answers to 6 ports of 6 hosts that sent no SYN, 6 reset",
    ),
    "D32": (
        6, "proved", (1,),
        "retry loop of 192.0.2.1: 6 attempts at 198.51.100.2:80 refused, one every 1.000 s",
    ),
}  # fmt: skip

# The others: certainty, evidence, detail.
SINGLE: Final = {
    "D14": (
        "proved",
        (2, 1),
        "its TTL is not that of the sender's other segments; the sender goes on; it came sooner than any answer of this"
        " server; its IP id is that of a segment of the other side; its window is that of the other side",
    ),
    "D15": ("strong", (6,), "a SACK block lies 900001460 octets from the acknowledgement beside it"),
    "D16": ("strong", (1,), "the MSS of the SYN was lowered: its window is a multiple of a larger one"),
    "D17": ("proved", (1,), "only segments of the client were captured"),
    "D18": ("proved", (1,), "first seen 0 ms after the capture's start"),
    "D19": ("proved", (2,), "1 of the frames kept are copies"),
    "D20": ("proved", (1,), "times are missing or go back"),
    "D21": ("strong", (1,), "1460 octets were acknowledged and not captured"),
}


def found(text: str, id: str, path: Path) -> list[Found]:
    """What a diagnosis says of a capture of the exchange."""
    parse_exchange(text).write_pcap(path / "exchange.pcap", nanoseconds=True)
    return [one for one in of_capture(path / "exchange.pcap") if one.id == id]


def test_every_diagnosis_has_an_expectation() -> None:
    assert sorted({**OF_SINGLE_CONNECTIONS, **EVENTS, **SINGLE}) == sorted(DIAGNOSES)


def test_events_are_reported_once() -> None:
    assert [one.id for one in DIAGNOSES.values() if one.reported_once] == list(EVENTS)


@pytest.mark.parametrize("id", EVENTS)
def test_an_event_is_found(id: str, tmp_path: Path) -> None:
    causes = found(DIAGNOSES[id].fires, id, tmp_path)
    first = causes[0]
    assert (len(causes), first.certainty, first.evidence, first.detail) == EVENTS[id]
    assert {(one.certainty, one.detail) for one in causes} == {(first.certainty, first.detail)}


@pytest.mark.parametrize("id", SINGLE)
def test_fires(id: str, tmp_path: Path) -> None:
    (cause,) = found(DIAGNOSES[id].fires, id, tmp_path)
    assert (cause.certainty, cause.evidence, cause.detail) == SINGLE[id]


@pytest.mark.parametrize("id", [*EVENTS, *SINGLE])
def test_silent(id: str, tmp_path: Path) -> None:
    assert found(DIAGNOSES[id].silent, id, tmp_path) == []


@pytest.mark.parametrize("id", [*EVENTS, *SINGLE])
@pytest.mark.parametrize("text", ["", "+0 arp"])
def test_nothing_in_nothing(id: str, text: str, tmp_path: Path) -> None:
    assert found(text, id, tmp_path) == []
