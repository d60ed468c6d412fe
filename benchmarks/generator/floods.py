"""SYN floods: one SYN from each of many spoofed addresses, to one socket that answers none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from generator.connections import SERVER_NETWORK
from generator.draws import Draws, choices, exponential, mixed
from generator.packets import SYN, SYN_PLAIN, Packets, packets
from generator.profiles import SECOND
from generator.truth import Truth

BLOCK: Final = 100_000
RATE: Final = 50_000  # a second
VICTIM: Final = (SERVER_NETWORK + 77, 80)
LOWEST: Final = 1 << 24  # 1.0.0.0
ADDRESSES: Final = 222 << 24  # up to 222.255.255.255
STEP: Final = 2_654_435_761  # odd and no multiple of 3 or 37: it leads through all addresses before one comes again
TTLS: Final = choices(dict.fromkeys(range(200, 248), 1 / 48))


def flood(number: int, seed: int, start: int, truth: Truth) -> Iterator[tuple[Packets, int]]:
    for block in range(-(-number // BLOCK)):
        size = min(BLOCK, number - block * BLOCK)
        draws = Draws(seed, 3, block)
        time = start + np.cumsum(draws.pick(exponential(SECOND / RATE), size))
        index = np.arange(block * BLOCK, block * BLOCK + size, dtype=np.uint64)
        source = LOWEST + (index * np.uint64(STEP) % np.uint64(ADDRESSES)).astype(np.int64)
        drawn = mixed(source, seed).astype(np.int64)
        yield (
            packets(
                size,
                time=time,
                source=source,
                target=VICTIM[0],
                source_port=1024 + (drawn & 0x7FFF),
                target_port=VICTIM[1],
                seq=drawn >> 16 & 0xFFFFFFFF,
                ip_id=drawn >> 44 & 0xFFFF,
                window=64240,
                mss=1460,
                tcp_flags=SYN,
                ttl=draws.pick(TTLS, size),
                form=SYN_PLAIN,
                wscale=7,
                salt=index & np.uint64(0xFFFFFFFF),
                from_client=True,
            ),
            int(time[-1]),
        )
        start = int(time[-1])
    truth.count("unanswered", number)
