"""What a SYN or SYN-ACK offers."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from pcapcheck.decode.option_columns import ROOM, OptionColumns
from pcapcheck.decode.segment import ACK, AE, CWR, ECE, OPTIONS_UNSEEN
from pcapcheck.openings import Ints
from pcapcheck.rows import Rows
from pcapcheck.tables import ABSENT, ECNS


def _ecn(flags: int) -> str:
    """The ECN set-up of a SYN (RFC 3168, section 6.1.1; RFC 9768, section 3.1.1) or SYN-ACK (its table 2)."""
    ace = flags & (AE | CWR | ECE)
    if flags & ACK:
        return {ECE: "ecn", CWR: "accecn", CWR | ECE: "accecn", AE: "accecn", AE | CWR: "accecn"}.get(ace, "")
    return {CWR | ECE: "ecn", AE | CWR | ECE: "accecn"}.get(ace, "")


# _ecn of every combination of flags, as an index of ECNS: it looks at the low nine of the twelve.
_ECN_OF_FLAGS: Final = np.tile([ECNS.index(_ecn(flags)) for flags in range(1 << 9)], 1 << 3)


def offered(options: OptionColumns, rows: Rows, at: Ints, absent: npt.NDArray[np.bool_]) -> dict[str, Ints]:
    """What the SYNs or SYN-ACKs at these places offer, ``rows`` with their ``options``; nothing those that are absent.

    The keys are the fields of Handshakes behind client_ and server_.
    """
    unknown = np.where(rows["unseen"] & OPTIONS_UNSEEN, ABSENT, 0)
    fast_open = options.fast_open.astype(np.int64)
    mptcp = np.zeros(len(rows), np.int64)
    (having,) = (options.mptcp != ABSENT).nonzero()
    octets = rows["options"][having].view(np.uint8).reshape(-1, ROOM)
    subtype = octets[np.arange(len(having)), options.mptcp[having] + 2] >> 4
    mptcp[having] = np.where(subtype <= 1, subtype.astype(np.int64) + 1, 0)
    found = {
        "mss": options.mss.astype(np.int64),
        "wscale": options.wscale.astype(np.int64),
        "sack_permitted": np.where(options.sack_permitted, 1, unknown),
        "timestamps": np.where(options.tsval != ABSENT, 1, unknown),
        "fast_open": np.where(fast_open == ABSENT, 0, np.where(fast_open > 0, 2, 1)),
        "mptcp": mptcp,
        "ecn": _ECN_OF_FLAGS[rows["tcp_flags"]],
    }
    found = {name: values[at] for name, values in found.items()}
    for name, values in found.items():
        values[absent] = ABSENT if name in ("mss", "wscale", "sack_permitted", "timestamps") else 0
    return found
