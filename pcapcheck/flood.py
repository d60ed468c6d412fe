"""What is known of a SYN flood of which not every SYN is kept."""

from __future__ import annotations

from typing import NamedTuple

from pcapcheck.tables import ABSENT

# The server's address and port.
Socket = tuple[bytes, int]


class Flood(NamedTuple):
    """A SYN flood at one socket, and its lone SYNs that are not among the handshakes. Times are nanoseconds."""

    unanswered: int = 0  # of those that are not among the handshakes
    pending: int = 0
    # Of floods that were found before their handshakes were looked at:
    begin: int = ABSENT  # whatever nobody went on with between these times is part of it
    end: int = ABSENT
    first: int = ABSENT  # times of those that are not among the handshakes
    last: int = ABSENT
    sources: int = 0  # different addresses of all its SYNs

    @property
    def syns(self) -> int:
        """How many are not among the handshakes."""
        return self.unanswered + self.pending
