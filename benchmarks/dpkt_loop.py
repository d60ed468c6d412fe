"""What one writes with dpkt in ten minutes: count the SYNs of each connection. A peer for ``compare.py``."""

from __future__ import annotations

import sys
from collections import Counter

import dpkt


def main() -> None:
    syns: Counter[tuple[bytes, int, bytes, int]] = Counter()
    with open(sys.argv[1], "rb") as file:
        for _, frame in dpkt.pcap.Reader(file):
            try:
                packet = dpkt.ethernet.Ethernet(frame).data
                segment = packet.data
            except (dpkt.UnpackError, AttributeError):
                continue
            if isinstance(segment, dpkt.tcp.TCP) and segment.flags & dpkt.tcp.TH_SYN:
                syns[packet.src, segment.sport, packet.dst, segment.dport] += 1
    print(len(syns))


if __name__ == "__main__":
    main()
