"""Smooth connections: all went as it should, so that no rule has to look at their rows.

They are nearly all of ordinary traffic. That one of them is a finding, or evidence of another's fault, is known without
looking (traffic.by_rows, rules/asking.py). A connection is smooth where

- SYN, SYN-ACK and the exact bare ACK came, once each and in this order, and are the only ones of their 4-tuple; the
  server went on from there;
- every segment was captured whole, with a right checksum or none to be checked, in order of time, in one VLAN and
  tunnel, with the TTL of its side;
- it has no flags but SYN, ACK, PSH and FIN, each where it belongs, and no ECN while it opens; there is no RST, no ICMP
  error, no copy;
- each side's numbers go on where they had ended: nothing is missing, nothing is acknowledged that was not sent; among
  what was folded some may have come twice, if it was acknowledged in the end; both FINs came and were acknowledged
  exactly, or none came;
- SYN and SYN-ACK offer what they may, and all segments behind them have timestamps alone or no options, but for SACK
  blocks of what was folded, where both permitted them: timestamps as agreed, which echo rightly and do not fall; no
  segment is larger than the lesser MSS, and the first windows bear one.

What is said of rows is told by the loop over them (regular_rows.py), the rest here. Too few smooth ones cost time only;
one too many is a wrong answer, which tests/test_smooth.py finds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pcapcheck import seq
from pcapcheck.decode.options import LARGEST_SHIFT
from pcapcheck.named_rows import OpeningRows
from pcapcheck.openings import Ints
from pcapcheck.regular_flows import Bools, Parts, Places
from pcapcheck.regular_rows import SMALL_STEP
from pcapcheck.tables import ABSENT


class Smooth(NamedTuple):
    """Smooth handshakes."""

    at: Ints  # which they are, ascending
    places: Places  # of their rows
    asked: Ints  # TSval of the SYN, ABSENT where there is none
    answered: Ints  # and of the SYN-ACK

    def only(self, mask: Bools) -> Smooth:
        """Those that meet the mask."""
        return self if mask.all() else self.take(mask.nonzero()[0])

    def take(self, which: Ints) -> Smooth:
        """Those of them at these indices, in this order."""
        return Smooth(self.at[which], self.places.take(which), self.asked[which], self.answered[which])


def smooth(parts: Parts, at: Ints, opening: OpeningRows) -> Smooth:
    """Which of these parts are smooth (``at`` is their place among these); ``opening`` is theirs."""
    flow = parts.rows.flow[parts.begin]
    (which,) = (parts.smooth[at] & (np.bincount(flow)[flow[at]] == 1)).nonzero()
    part, syn, synack = at[which], opening.of_syn[which], opening.of_synack[which]
    third, reply = opening.third.take(which), parts.rows.take(parts.begin[part] + parts.places.reply[part])
    options = opening.options
    known = (options.faults == 0) & (options.fast_open == ABSENT) & (options.mptcp == ABSENT) & (options.mss > 0)
    known &= ~(options.md5 | options.ao | options.sack) & (options.wscale <= LARGEST_SHIFT)
    fine = known[syn] & known[synack] & (options.tsecr[syn] <= 0)
    fine &= (options.wscale[syn] != ABSENT) | (options.wscale[synack] == ABSENT)
    scaled = options.wscale[synack] != ABSENT
    mss = [options.mss[side].astype(np.int64) for side in (syn, synack)]
    fine &= ~parts.sacked[part] | (options.sack_permitted[syn] & options.sack_permitted[synack])
    fine &= parts.largest[part] <= np.minimum(*mss)
    for first, side, least in zip((third, reply), (syn, synack), mss, strict=True):
        fine &= first["window"].astype(np.int64) << np.where(scaled, options.wscale[side], 0) >= least
    asked, answered = options.tsval[syn], options.tsval[synack]
    (tsval, tsecr), (of_reply, _) = third.usual_timestamps(), reply.usual_timestamps()
    stamped = tsval != ABSENT
    fine &= (stamped == (answered != ABSENT)) & ~((answered != ABSENT) & (asked == ABSENT))
    right = (options.tsecr[synack] == asked) & (tsecr == answered)
    right &= (seq.ahead(tsval, asked) <= SMALL_STEP) & (seq.ahead(of_reply, answered) <= SMALL_STEP)
    found = Smooth(which, parts.places.take(part), asked, answered)
    return found.only(fine & (right | ~stamped))
