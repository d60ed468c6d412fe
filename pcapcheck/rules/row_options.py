"""Timestamps of single rows, as columns: for the rules that compare one segment's echo with another's value."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pcapcheck.decode.options import parse_options
from pcapcheck.tables import ABSENT

# The shortest Timestamps option (RFC 7323, section 3.2).
_SHORTEST = 10


def timestamps_of(
    rows: npt.NDArray[Any], wanted: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """TSval and TSecr of each of the openings.ROW rows; ABSENT where it has none or is not ``wanted``.

    ``wanted`` must leave out ICMP errors, whose options are an address. Options are parsed for wanted rows only.
    """
    tsval, tsecr = np.full(len(rows), ABSENT, np.int64), np.full(len(rows), ABSENT, np.int64)
    (where,) = (wanted & (rows["options_length"] >= _SHORTEST)).nonzero()
    octets, lengths = rows["options"][where].tolist(), rows["options_length"][where].tolist()
    for index, option_octets, length in zip(where.tolist(), octets, lengths, strict=True):
        options = parse_options(option_octets[:length], complete=False)
        tsval[index], tsecr[index] = options.tsval, options.tsecr
    return tsval, tsecr
