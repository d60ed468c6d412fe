"""The kinds of capture that can be generated, each as blocks of packets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from generator import adversaries, floods
from generator.ordinary import ordinary
from generator.packets import Packets
from generator.profiles import MIX, SECOND, SHORT, Profile
from generator.stream import both
from generator.truth import Truth

START: Final = 1_768_467_600 * SECOND  # 2026-01-15 09:00:00 UTC
Blocks = Iterator[tuple[Packets, int]]


@dataclass(frozen=True)
class Kind:
    says: str
    full: int  # packets at full size, about
    blocks: Callable[[float, int, Truth], Blocks]  # of packets, seed, truth
    snaplen: int = 262_144


def _ordinary(profile: Profile) -> Callable[[float, int, Truth], Blocks]:
    def blocks(packets: float, seed: int, truth: Truth) -> Blocks:
        return ordinary(profile, max(round(packets / profile.packets), 1), seed, START, truth)

    return blocks


def _synflood(packets: float, seed: int, truth: Truth) -> Blocks:
    """Five of six packets are SYNs of the flood, the rest are ordinary and go on for a few seconds longer."""
    connections = max(round(packets * FLOODED_ORDINARY / MIX.packets), 1)
    spoofed = max(round(packets * (1 - FLOODED_ORDINARY)), 1)
    seconds = spoofed / floods.RATE + 5
    profile = replace(MIX, rate=max(connections / seconds, 1))
    return both(ordinary(profile, connections, seed, START, truth), floods.flood(spoofed, seed, START, truth))


FLOODED_ORDINARY: Final = 0.173

KINDS: Final[dict[str, Kind]] = {
    "mix": Kind("long and short connections, two of three octets payload", 10_140_000, _ordinary(MIX)),
    "short": Kind("one small question and answer in each connection", 11_520_000, _ordinary(SHORT)),
    "synflood": Kind("a SYN flood among ordinary traffic", 6_000_000, _synflood),
    "snap96": Kind("as mix, cut to 96 octets of each frame", 10_140_000, _ordinary(MIX), snaplen=96),
    "flood50m": Kind("a greater SYN flood", 60_000_000, _synflood),
    "adversary-reuse": Kind("one 4-tuple used again and again", 4_000_000, adversaries.reuse),
    "adversary-syn": Kind("one SYN sent again and again", 10_000_000, adversaries.syn),
    "adversary-flow": Kind("one connection of very many segments", 10_000_000, adversaries.flow),
    "adversary-collide": Kind("4-tuples alike in their low bits, or of equal sums", 3_000_000, adversaries.collide),
}
