"""RTT samples out of ``Report.handshakes``, ready to be drawn: the exact ones, named, grouped, in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pcapcheck.errors import UsageError
from pcapcheck.report.escape import escaped
from pcapcheck.report.rtt_table import quantile
from pcapcheck.traffic import Ints

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

SPANS: Final = {
    "server_rtt": "server RTT, SYN to SYN-ACK",
    "client_rtt": "client RTT, SYN-ACK to ACK",
    "handshake_rtt": "handshake RTT, SYN to ACK",
}
_LONGEST_NAME: Final = 46  # an IPv6 address with its port fits


class Group(NamedTuple):
    """The exact samples of one server, client or capture, or of all that are not shown one by one."""

    name: str
    data: pd.DataFrame
    pooled: bool = False


def exact(data: pd.DataFrame, which: str) -> pd.DataFrame:
    """The handshakes of which this RTT is exact."""
    if which not in SPANS:
        raise UsageError(f"no RTT is called {which!r}: there are {', '.join(SPANS)}")
    return data[data[which].notna()]


def names(data: pd.DataFrame, by: str) -> pd.Series[str]:
    """What each handshake is grouped by."""
    if by == "server":
        brackets = data["server_ip"].str.contains(":", regex=False)
        address = data["server_ip"].where(~brackets, "[" + data["server_ip"] + "]")
        return address + ":" + data["server_port"].astype(str)
    if by == "client":
        return data["client_ip"]
    if by == "capture":
        return data["capture"].astype(str)
    raise UsageError(f"RTTs are grouped by server, client or capture, not by {by!r}")


def _shown(name: str) -> str:
    """The name as text of a chart. A file name is not to be trusted: matplotlib reads ``$`` and a leading ``_``."""
    text = escaped(name)
    text = text if len(text) <= _LONGEST_NAME else "…" + text[1 - _LONGEST_NAME :]
    return (" " + text if text.startswith("_") else text).replace("$", r"\$")


def groups(data: pd.DataFrame, by: str, most: int) -> list[Group]:
    """The ``most`` names with the most samples, the busiest first, and the rest pooled."""
    if not len(data):
        return []
    named = names(data, by)
    ranked = sorted(named.value_counts().items(), key=lambda item: (-item[1], str(item[0])))
    kept = [str(name) for name, _ in ranked[:most]]
    found = [Group(_shown(name), data[named == name]) for name in kept]
    if len(ranked) > most:
        others = len(ranked) - most
        found.append(Group(f"{others:,} other{'s' if others > 1 else ''}", data[~named.isin(kept)], pooled=True))
    return found


def nanoseconds(rtts: pd.Series[pd.Timedelta]) -> Ints:
    """The RTTs as whole numbers."""
    spans: Ints = rtts.to_numpy("timedelta64[ns]").astype(np.int64)
    return spans


def floor(rtts: pd.Series[pd.Timedelta]) -> float:
    """Where an RTT of zero is drawn, since a logarithmic axis has no zero: well below all that is not zero."""
    spans = nanoseconds(rtts)
    positive = spans[spans > 0]
    return float(positive.min()) / 3e9 if len(positive) else 1e-9


def seconds(spans: Ints, least: float) -> Floats:
    """The RTTs in seconds, none below ``least``."""
    found: Floats = np.maximum(spans / 1e9, least)
    return found


def quantiles(ordered: Ints, percents: Sequence[int], least: float) -> Floats:
    """Quantiles that were measured, as in the table of `pcapcheck rtt`: never a mean of two."""
    return seconds(np.array([quantile(ordered, percent) for percent in percents]), least)
