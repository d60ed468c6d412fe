"""Every diagnosis explains its own example, so certainly and with these frames, and is silent about the other."""

from __future__ import annotations

from typing import Final

import pytest

from pcapcheck.diagnoses import DIAGNOSES
from pcapcheck.diagnoses.catalogue import HEADINGS
from tests.diagnoses.causes import of_exchange

# Diagnosis: for each handshake that it explains, its number, certainty, evidence and detail.
EXPECTED: Final = {
    "D01": [(0, "strong", (2, 1), "RST with TTL 63: the TTL is that of the server's other segments")],
    "D02": [
        (
            0,
            "compatible",
            (1,),
            "3 SYN(s); nothing of this server was captured, nor anything else to this client: perhaps the way back was "
            "not",
        )
    ],
    "D03": [
        (1, "compatible", (4, 6), "2 of 3 attempts at this socket: no answer to the first SYN"),
        (2, "compatible", (5, 9), "2 of 3 attempts at this socket: no answer to the first SYN"),
    ],
    "D04": [(0, "compatible", (3, 4, 6), "2 SYN-ACK(s) after the ACK; 1 such at this socket")],
    "D05": [(0, "compatible", (4, 3), "1 connection(s) to this socket reset so")],
    "D06": [
        (0, "compatible", (3, 7, 11), "2 idle handshakes of this socket alike"),
        (1, "compatible", (6, 9, 13), "2 idle handshakes of this socket alike"),
    ],
    "D07": [(0, "compatible", (3, 4, 2), "")],
    "D08": [
        (0, "compatible", (2,), "timestamps of 3 SYN-ACKs 23 to 60 ms older than the server's clock"),
        (1, "compatible", (8,), "timestamps of 3 SYN-ACKs 23 to 60 ms older than the server's clock"),
        (2, "compatible", (14,), "timestamps of 3 SYN-ACKs 23 to 60 ms older than the server's clock"),
    ],
    "D22": [
        (
            1,
            "proved",
            (7, 6),
            "2.000 s after the last segment of the connection before, with an ISN 899000 above the ISN of that",
        )
    ],
    "D23": [(1, "compatible", (4,), "TSval 400000 after 900020; unanswered: 1 of 1 lower, 0 of 1 higher")],
    "D24": [(0, "proved", (1, 3, 4, 2), "")],
    "D25": [(0, "proved", (2, 3, 1), "the client resets it after 0 ms")],
    "D26": [
        (
            0,
            "proved",
            (2, 1),
            "ICMP 3/13 communication administratively prohibited from 203.0.113.1: EHOSTUNREACH",
        )
    ],
    "D27": [(0, "compatible", (2, 5), "TTL 64, then 51; 1 connection(s) of this socket")],
    "D28": [(2, "compatible", (8, 7), "420 ms; at best it took 20 ms")],
    "D29": [(0, "proved", (1, 2), "the server took all the data of the SYN")],
    "D30": [(0, "compatible", (1, 2, 3), "1 time(s) with this server, never the other way")],
    "D31": [(0, "strong", (8, 7), "450 ms after the SYN; another address succeeded meanwhile: Happy Eyeballs")],
    "D33": [(0, "strong", (6, 10), "a segment of 1460 octets is never acknowledged")],
    "D34": [(0, "compatible", (3, 2, 1), "1 SYN-ACK(s) passed before the last repeated SYN")],
}


def explained(text: str, id: str) -> list[tuple[int, str, tuple[int, ...], str]]:
    return [
        (found.handshake, found.certainty, found.evidence, found.detail)
        for found in of_exchange(text)
        if found.id == id
    ]


@pytest.mark.parametrize("id", EXPECTED)
def test_fires(id: str) -> None:
    assert explained(DIAGNOSES[id].fires, id) == EXPECTED[id]


@pytest.mark.parametrize("id", EXPECTED)
def test_silent(id: str) -> None:
    assert explained(DIAGNOSES[id].silent, id) == []


@pytest.mark.parametrize("id", DIAGNOSES)
def test_page(id: str) -> None:
    one = DIAGNOSES[id]
    assert tuple(one.sections) == HEADINGS
    assert all(one.sections.values())
    assert one.title.endswith(".")
    assert all((one.slug, one.application, one.decide_by))
    assert set(one.rivals) <= {other.slug for other in DIAGNOSES.values()} - {one.slug}


def test_no_slug_twice() -> None:
    assert len({one.slug for one in DIAGNOSES.values()}) == len(DIAGNOSES)


def test_empty_capture() -> None:
    assert of_exchange("") == []
    assert of_exchange("+0 arp") == []
