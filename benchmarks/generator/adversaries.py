"""Traffic that is dear to handle where a table of connections is naive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from generator.connections import SERVER_NETWORK
from generator.draws import Ints, mixed
from generator.packets import ACK, PSH, RST, SYN, SYN_PLAIN, Packets, packets
from generator.profiles import MICROSECOND, SECOND
from generator.truth import Truth

BLOCK: Final = 120_000  # a multiple of all lengths of an exchange below
START: Final = 1_768_467_600 * SECOND
CLIENT: Final = (198 << 24 | 51 << 16 | 100 << 8 | 7, 50_007)  # RFC 5737
SERVER: Final = (SERVER_NETWORK + 9, 443)
WINDOW: Final = 64_240
ISN: Final = 0x1234_5678
SERVER_ISN: Final = 0x89AB_CDEF

Blocks = Iterator[tuple[Packets, int]]


def reuse(number: float, seed: int, truth: Truth) -> Blocks:
    """One 4-tuple: handshake and RST, again and again, each with a later ISN (RFC 6191 allows it)."""
    attempts = max(round(number / 4), 1)
    truth.count("established", attempts)
    for index, part in _parts(4 * attempts):
        attempt = index // 4
        yield _block(part, _exchange(index % 4, attempt * 250_000), START + index * 200 * MICROSECOND, seed)


def syn(number: float, seed: int, truth: Truth) -> Blocks:
    """One SYN, its copies each with an IP id of its own: sent again, not recorded twice."""
    truth.count("unanswered", 1)
    for index, part in _parts(max(round(number), 2)):
        columns = {"seq": ISN, "tcp_flags": SYN, "form": SYN_PLAIN, "from_client": True}
        # The last second is kept for the last copy: the end of the capture must not come too early for a verdict.
        yield _block(part, columns, START + index * 100 * MICROSECOND + 4 * SECOND * (index > 0), seed)


def flow(number: float, seed: int, truth: Truth) -> Blocks:
    """One connection in which the client sends without end; the server acknowledges every third segment."""
    truth.count("established", 1)
    octets = 100
    for index, part in _parts(max(round(number), 4)):
        opening = _exchange(np.minimum(index, 2), 0)
        data, sent = index > 2, (index - 2) - (index - 2) // 4
        acking = data & (index % 4 == 2)
        from_client = np.where(data, ~acking, opening["from_client"])
        columns = {
            "seq": np.where(data, np.where(acking, SERVER_ISN + 1, ISN + 1 + octets * (sent - 1)), opening["seq"]),
            "ack": np.where(data, np.where(acking, ISN + 1 + octets * sent, SERVER_ISN + 1), opening["ack"]),
            "octets": np.where(data & ~acking, octets, 0),
            "tcp_flags": np.where(data, np.where(acking, ACK, ACK | PSH), opening["tcp_flags"]),
            "form": np.where(data, 0, opening["form"]),
            "from_client": from_client,
        }
        yield _block(part, columns, START + index * 100 * MICROSECOND, seed)


def collide(number: float, seed: int, truth: Truth) -> Blocks:
    """Whole handshakes from 4-tuples that naive hashes cannot tell apart.

    Of every two connections one has an address and a port of equal exclusive-or and the other has the same low
    16 bits of the address and the same low octet of the port as all its like.
    """
    attempts = max(round(number / 3), 1)
    truth.count("established", attempts)
    for index, part in _parts(3 * attempts):
        attempt = index // 3
        turn = attempt // 2
        # The address' halves and the port cancel out: the port is their exclusive-or, in 32768..65535.
        low = mixed(turn).astype(np.int64) & 0xFFFF
        high = (11 << 8) + turn % (100 << 8)
        port = high ^ low
        low = np.where(port < 0x8000, low ^ 0x8000, low)
        exclusive = high << 16 | low, high ^ low
        alike = ((11 << 8) + turn % (200 << 8)) << 16 | 0x0101, 0x8001 | turn // (200 << 8) % 128 << 8
        odd = attempt % 2 == 1
        columns = _exchange(index % 3, mixed(attempt).astype(np.int64) & 0xFFFFFFF)
        address, client_port = (np.where(odd, one, other) for one, other in zip(alike, exclusive, strict=True))
        yield _block(part, columns, START + index * 50 * MICROSECOND, seed, address, client_port)


def _exchange(turn: Ints, later: Ints | int) -> dict[str, Any]:
    """SYN, SYN-ACK, ACK, RST by number, with ISNs so much further on."""
    first, second = ISN + later, SERVER_ISN + later
    return {
        "seq": np.choose(turn, [first, second, first + 1, first + 1]),
        "ack": np.choose(turn, [0 * first, first + 1, second + 1, second + 1]),
        "tcp_flags": np.choose(turn, [SYN, SYN | ACK, ACK, RST | ACK]),
        "form": np.where(turn < 2, SYN_PLAIN, 0),
        "from_client": turn != 1,
    }


def _block(
    part: int, columns: dict[str, Any], time: Ints, seed: int, client: Any = CLIENT[0], client_port: Any = CLIENT[1]
) -> tuple[Packets, int]:
    from_client = columns["from_client"]
    columns["seq"], columns["ack"] = columns["seq"] & 0xFFFFFFFF, columns.get("ack", 0) & 0xFFFFFFFF
    rows = packets(
        len(time),
        **columns,
        time=time,
        source=np.where(from_client, client, SERVER[0]),
        target=np.where(from_client, SERVER[0], client),
        source_port=np.where(from_client, client_port, SERVER[1]),
        target_port=np.where(from_client, SERVER[1], client_port),
        window=WINDOW >> np.where(np.asarray(columns["tcp_flags"]) & SYN > 0, 0, 7),
        mss=1460,
        wscale=7,
        ttl=np.where(from_client, 57, 64),
        salt=seed & 0xFFFFFFFF,
        ip_id=(part * BLOCK + np.arange(len(time))) & 0xFFFF,
    )
    return rows, int(time[-1])


def _parts(number: int) -> Iterator[tuple[Ints, int]]:
    """The numbers of all packets, in parts; with the number of the part."""
    for part in range(-(-number // BLOCK)):
        yield np.arange(part * BLOCK, min(number, (part + 1) * BLOCK)), part
