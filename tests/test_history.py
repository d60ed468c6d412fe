"""The course of a handshake in the words of Zeek and Wireshark, from exchanges."""

from __future__ import annotations

from typing import Final

import pytest

from pcapcheck.tables import ZEEK_STATES
from tests.rows import rows_of_exchange

OPEN: Final = """
    +0   > S  0
    +.02 < S. 0 ack 1
    +0   > .  1 ack 1
    +.1  > P. 1:101(100) ack 1
    +.02 < .  1 ack 101
"""

# Exchange, Zeek's conn_state (as its documentation of Conn::Info defines it), Zeek's history, Wireshark's completeness.
COURSES: Final = {
    "S0": ("+0 > S 0\n+5 arp", "S0", "S", 1),
    "S0: an ICMP error is no answer": ("+0 > S 0\n+.01 < icmp 3/1 quotes 0", "S0", "S", 1),
    "S1": (OPEN, "S1", "ShADa", 15),
    "S1: half-open": ("+0 > S 0\n+.02 < S. 0 ack 1\n+5 arp", "S1", "Sh", 3),
    "SF": (f"{OPEN}\n+1 > F. 101 ack 1\n+.02 < F. 1 ack 102\n+0 > . 102 ack 2", "SF", "ShADaFf", 31),
    "S2": (f"{OPEN}\n+1 > F. 101 ack 1\n+.02 < . 1 ack 102", "S2", "ShADaF", 31),
    "S3": (f"{OPEN}\n+1 < F. 1 ack 101\n+.02 > . 101 ack 2", "S3", "ShADaf", 31),
    "REJ": ("+0 > S 0\n+.02 < R. =0 ack 1", "REJ", "Sr", 37),
    "RSTO": (f"{OPEN}\n+1 > R. 101 ack 1", "RSTO", "ShADaR", 47),
    "RSTO: before the ACK": ("+0 > S 0\n+.02 < S. 0 ack 1\n+0 > R 1", "RSTO", "ShR", 35),
    "RSTR": (f"{OPEN}\n+1 < R. 1 ack 101", "RSTR", "ShADar", 47),
    "RSTR: before the ACK": ("+0 > S 0\n+.02 < S. 0 ack 1\n+1 < R 1", "RSTR", "Shr", 35),
    "RSTOS0": ("+0 > S 0\n+1 > S 0\n+1 > R 1", "RSTOS0", "SR", 33),
    "RSTOS0: an RST with the number of the SYN": ("+0 > S 0\n+.5 > R. 0 ack 0\n+5 arp", "RSTOS0", "SR", 37),
    "RSTRH": ("+0 < S. 0 ack 1\n+1 < R 1", "RSTRH", "hr", 34),
    "SH": ("+0 > S 0\n+.1 > . 1 ack 1\n+1 > F. 1 ack 1", "SH", "SAF", 21),
    "SHR": ("+0 < S. 0 ack 1\n+.1 < P. 1:101(100) ack 1\n+1 < F. 101 ack 1", "SHR", "hdf", 30),
    "OTH": ("+0 > P. 1:101(100) ack 1\n+.02 < . 1 ack 101", "OTH", "Da", 12),
    "OTH: a SYN-ACK alone": ("+0 < S. 0 ack 1", "OTH", "h", 2),
    "OTH: a client that resets what it acknowledged": ("+0 > S 0\n+.1 > . 1 ack 1\n+1 > R. 1 ack 1", "OTH", "SAR", 37),
    "no state: data of a client whose server was not captured": ("+0 > S 0\n+.1 > P. 1:5(4) ack 1", "", "SD", 13),
}  # fmt: skip


@pytest.mark.parametrize("name", COURSES)
def test_course(name: str) -> None:
    exchange, *expected = COURSES[name]
    (row,) = rows_of_exchange(exchange)
    assert [row["zeek_state"], row["history"], row["completeness"]] == expected


def test_every_state() -> None:
    assert {state for _, state, _, _ in COURSES.values()} == set(ZEEK_STATES)
