"""Captures joined by cat: pcapng allows it, pcap does not, and a second file header is named as such."""

from __future__ import annotations

import pytest

from pcapcheck.capture.frame import Damage
from tests.capture.build_captures import (
    ETHERNET,
    NUMBERS,
    RAW,
    enhanced,
    interface,
    pcap_header,
    pcap_record,
    read,
    section,
)

PCAP = pcap_header() + pcap_record(1, 0, b"first")
PCAPNG = section() + interface() + enhanced(1, b"first")
FOUND = "the file header of another capture: they were joined by cat (mergecap joins them, or name each)"


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("first_order", "<>")
def test_two_pcaps(kind, order, first_order):
    first = pcap_header(order=first_order) + pcap_record(1, 0, b"first", order=first_order)
    frames, capture = read(first + pcap_header(kind, order) + pcap_record(2, 0, b"second", kind=kind, order=order))
    assert [frame.data for frame in frames] == [b"first"]
    assert capture.damage == Damage("CAP02", len(first), 1, "a record header", FOUND)


def test_a_pcapng_behind_a_pcap():
    _, capture = read(PCAP + PCAPNG)
    assert capture.damage == Damage("CAP02", len(PCAP), 1, "a record header", FOUND)


@pytest.mark.parametrize("order", "<>")
def test_a_pcap_behind_a_pcapng(order):
    first = section(order) + interface(order=order) + enhanced(1, b"first", order=order)
    for second in "<>":
        _, capture = read(first + pcap_header(order=second) + bytes(400_000))
        assert capture.damage == Damage("CAP02", len(first), 1, "a block header", FOUND)


def test_an_empty_frame_is_no_file_header():
    frames, capture = read(pcap_header() + pcap_record(0xA1B2C3D4, 1, b"") + pcap_record(1, 0, b"x"))
    assert len(frames) == 2
    assert capture.damage is None


def test_pcapngs_of_both_byte_orders_and_their_own_interfaces_are_one_capture():
    second = section(">") + interface(RAW, tsresol=9, order=">") + enhanced(10**9, b"second", order=">")
    frames, capture = read(PCAPNG + second + PCAPNG)
    assert [(frame.number, frame.time_ns, frame.link_type, frame.data) for frame in frames] == [
        (1, 1000, ETHERNET, b"first"),
        (2, 10**9, RAW, b"second"),
        (3, 1000, ETHERNET, b"first"),
    ]
    assert capture.link_types == [ETHERNET, RAW]
    assert capture.damage is None
