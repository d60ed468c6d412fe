"""What a SYN or SYN-ACK offers: of one row, and of many at once."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pcapcheck.decode.option_columns import ROOM, OptionColumns
from pcapcheck.decode.options import parse_options
from pcapcheck.decode.segment import ACK, AE, CWR, ECE, OPTIONS_UNSEEN, RST, SYN
from pcapcheck.openings import ICMP, Ints, Row
from pcapcheck.tables import ABSENT, ECNS

# The fields of Handshakes that say it, behind client_ and server_, in the order of ``offers``.
OFFERS: Final = ("mss", "wscale", "sack_permitted", "timestamps", "fast_open", "mptcp", "ecn")


def offers(row: Row | None) -> tuple[int, ...]:
    """What a SYN or SYN-ACK offers: mss, wscale, sack_permitted, timestamps, fast_open, mptcp, ecn."""
    if row is None or row.kind == ICMP or row.tcp_flags & RST or not row.tcp_flags & SYN:
        return (ABSENT, ABSENT, ABSENT, ABSENT, 0, 0, 0)
    options = parse_options(row.options, complete=not row.unseen & OPTIONS_UNSEEN)
    absent = ABSENT if row.unseen & OPTIONS_UNSEEN else 0
    return (
        options.mss,
        options.wscale,
        1 if options.sack_permitted else absent,
        1 if options.tsval != ABSENT else absent,
        0 if options.fast_open == ABSENT else 2 if options.fast_open else 1,
        options.mptcp + 1 if options.mptcp in (0, 1) else 0,
        ECNS.index(_ecn(row.tcp_flags)),
    )


def _ecn(flags: int) -> str:
    """The ECN set-up of a SYN (RFC 3168, section 6.1.1; RFC 9768, section 3.1.1) or SYN-ACK (its table 2)."""
    ace = flags & (AE | CWR | ECE)
    if flags & ACK:
        return {ECE: "ecn", CWR: "accecn", CWR | ECE: "accecn", AE: "accecn", AE | CWR: "accecn"}.get(ace, "")
    return {CWR | ECE: "ecn", AE | CWR | ECE: "accecn"}.get(ace, "")


# _ecn of every combination of flags, as an index of ECNS.
_ECN_OF_FLAGS: Final = np.array([ECNS.index(_ecn(flags)) for flags in range(1 << 12)])


def offered(options: OptionColumns, at: Ints, rows: npt.NDArray[Any], row: Ints) -> dict[str, Ints]:
    """The same of many SYNs or SYN-ACKs: these rows, whose options stand at these places of the columns."""
    absent = np.where(rows["unseen"][row] & OPTIONS_UNSEEN, ABSENT, 0)
    fast_open = options.fast_open[at].astype(np.int64)
    mptcp = np.zeros(len(at), np.int64)
    (having,) = (options.mptcp[at] != ABSENT).nonzero()
    octets = rows["options"][row[having]].view(np.uint8).reshape(-1, ROOM)
    subtype = octets[np.arange(len(having)), options.mptcp[at[having]] + 2] >> 4
    mptcp[having] = np.where(subtype <= 1, subtype.astype(np.int64) + 1, 0)
    return {
        "mss": options.mss[at].astype(np.int64),
        "wscale": options.wscale[at].astype(np.int64),
        "sack_permitted": np.where(options.sack_permitted[at], 1, absent),
        "timestamps": np.where(options.tsval[at] != ABSENT, 1, absent),
        "fast_open": np.where(fast_open == ABSENT, 0, np.where(fast_open > 0, 2, 1)),
        "mptcp": mptcp,
        "ecn": _ECN_OF_FLAGS[rows["tcp_flags"][row]],
    }
