"""What was generated, to be set against what a tool finds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Truth:
    kind: str
    packets: int = 0
    octets: int = 0  # of the file
    first_time: int = 0
    last_time: int = 0
    tcp_segments: int = 0
    datagrams: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    failed: list[list[Any]] = field(default_factory=list)  # outcome, client port, server port: not those of floods

    def count(self, outcome: str, number: int) -> None:
        if number:
            self.outcomes[outcome] += number

    def as_json(self) -> dict[str, Any]:
        return vars(self)
