"""Traffic made to cost much: work grows with the number of frames, not with its square; nothing read is executed."""

from __future__ import annotations

import ast
import struct
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Final

import pytest

import pcapcheck
from pcapcheck.report.text import write_text
from tests.capture.build_captures import RAW, pcap_header, pcap_record

PACKAGE: Final = Path(pcapcheck.__file__).parent
SYN, RST, ACK, FIN = 2, 4, 16, 1


def datagram(
    flags: int, *, client: int = 1, port: int = 40_000, seq: int = 1, ack: int = 0, back: bool = False
) -> bytes:
    """A TCP segment in IPv4, without checksums, from a client or back to it."""
    addresses = [struct.pack(">I", 0x0A000000 + client), b"\xc0\0\2\1"]
    ports = [port, 80]
    if back:
        addresses.reverse()
        ports.reverse()
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40, 1, 0, 64, 6, 0) + b"".join(addresses)
    return ip + struct.pack(">HHIIBBHHH", *ports, seq % 2**32, ack % 2**32, 0x50, flags, 1000, 0, 0)


def one_syn_again(n: int) -> bytes:
    return datagram(SYN)


def a_new_isn_each_time(n: int) -> bytes:
    return datagram(SYN, seq=n * 7919)


def another_client_each_time(n: int) -> bytes:
    return datagram(SYN, client=n, seq=n * 104_729)


def another_port_each_time(n: int) -> bytes:
    return datagram(SYN, port=n % 65_535 + 1, seq=n)


def a_new_synack_each_time(n: int) -> bytes:
    return datagram(SYN | ACK, seq=n * 7919, ack=2, back=True) if n else datagram(SYN)


def synacks_then_an_ack(n: int) -> bytes:
    """Each thousandth segment is an ACK of the client, of a SYN-ACK that it was not sent."""
    if n % 1000 == 399:
        return datagram(ACK, seq=2, ack=5)
    return a_new_synack_each_time(n)


def data_for_ever(n: int) -> bytes:
    return datagram(ACK, seq=2 + n, ack=1, back=bool(n % 2)) if n else datagram(SYN)


def resets_that_differ(n: int) -> bytes:
    return datagram(RST, seq=n * 7919, back=bool(n % 3))


def fins_and_syns_in_turn(n: int) -> bytes:
    return datagram((SYN, FIN | ACK, RST | ACK)[n % 3], seq=n, ack=n, back=bool(n % 2))


HOSTILE: Final = (
    one_syn_again, a_new_isn_each_time, another_client_each_time, another_port_each_time, a_new_synack_each_time,
    synacks_then_an_ack,    data_for_ever, resets_that_differ, fins_and_syns_in_turn,
)  # fmt: skip


def seconds_for(frames: int, traffic: Callable[[int], bytes], path: Path) -> float:
    """The CPU time of a check of so many frames, a millisecond between two of them."""
    records = (pcap_record(n // 1000, n % 1000 * 1000, traffic(n)) for n in range(frames))
    path.write_bytes(pcap_header(link_type=RAW) + b"".join(records))
    begun = time.process_time()
    report = pcapcheck.check(path)
    write_text(report, StringIO(), quiet=True)
    assert report.capture_facts[0].segments == frames
    return time.process_time() - begun


@pytest.mark.parametrize("traffic", HOSTILE, ids=lambda traffic: traffic.__name__)
def test_work_grows_with_the_frames(traffic: Callable[[int], bytes], tmp_path: Path) -> None:
    """Sixteen times the frames: at most 40 times the work, where the square would be 256 times."""
    path = tmp_path / "x.pcap"
    seconds_for(100, traffic, path)  # what is done once
    few = min(seconds_for(400, traffic, path) for _ in range(2))
    many = seconds_for(6400, traffic, path)
    assert many < 40 * few, (few, many)


# What this very process put together, and holds in fewer octets for as long as it runs.
OWN_OCTETS: Final = {"judged.py": {"pickle"}}


def test_nothing_is_executed_that_was_read() -> None:
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            names.append(node.module or "" if isinstance(node, ast.ImportFrom) else "")
            loads_code = {name.partition(".")[0] for name in names} & {"pickle", "marshal", "shelve", "joblib", "dill"}
            loads_code -= OWN_OCTETS.get(path.name, set())
            assert not loads_code, f"{path.name} imports {loads_code}"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec", "compile", "__import__"), f"{path.name}:{node.lineno}"
