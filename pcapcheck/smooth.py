"""Smooth connections: all went as it should, so that no rule has to look at their rows.

They are nearly all of ordinary traffic. That one of them is a finding, or evidence of another's fault, is known without
looking (traffic.by_rows, rules/asking.py). A connection is smooth where

- SYN, SYN-ACK and the exact bare ACK came, once each and in this order, and are the only ones of their 4-tuple; both
  sides went on, and the client sent data;
- every segment was captured whole, with a right checksum or none to be checked, in order of time, in one VLAN and
  tunnel, with the TTL of its side;
- it has no flags but SYN, ACK, PSH and FIN, each where it belongs, and no ECN while it opens; there is no RST, no ICMP
  error, no copy;
- each side's numbers go on where they had ended: nothing came twice, nothing is missing, nothing is acknowledged that
  was not sent; both FINs came and were acknowledged exactly, or none came;
- SYN and SYN-ACK offer what they may, and all segments behind them have timestamps alone or no options: timestamps as
  agreed, which echo rightly and do not fall; no segment is larger than the lesser MSS, and the first windows bear one.

What is said of rows is told by the loop over them (regular_rows.py), the rest here. Too few smooth ones cost time only;
one too many is a wrong answer, which tests/test_smooth.py finds.
"""

from __future__ import annotations

import numpy as np

from pcapcheck import seq
from pcapcheck.named_rows import Offers
from pcapcheck.openings import Ints
from pcapcheck.regular_flows import Bools, Parts
from pcapcheck.regular_rows import SMALL_STEP
from pcapcheck.tables import ABSENT

LARGEST_SHIFT = 14  # of windows: RFC 7323, section 2.3


def smooth(parts: Parts, at: Ints, offers: Offers) -> Bools:
    """Which of these parts are smooth; ``offers`` are theirs."""
    found: Bools = parts.smooth[at] & (np.bincount(parts.rows.flow[parts.begin])[parts.rows.flow[parts.begin[at]]] == 1)
    (which,) = found.nonzero()
    rows, start = parts.rows, parts.begin[at[which]]
    syn, synack = offers.of_syn[which], offers.of_synack[which]
    third, reply = rows.take(start + 2), rows.take(parts.reply[at[which]])
    options = offers.options
    known = (options.faults == 0) & (options.fast_open == ABSENT) & (options.mptcp == ABSENT) & (options.mss > 0)
    known &= ~(options.md5 | options.ao | options.sack) & (options.wscale <= LARGEST_SHIFT)
    fine = known[syn] & known[synack] & (options.tsecr[syn] <= 0)
    fine &= (options.wscale[syn] != ABSENT) | (options.wscale[synack] == ABSENT)
    scaled = options.wscale[synack] != ABSENT
    mss = [options.mss[side].astype(np.int64) for side in (syn, synack)]
    fine &= parts.largest[at[which]] <= np.minimum(*mss)
    for first, side, least in zip((third, reply), (syn, synack), mss, strict=True):
        fine &= first["window"].astype(np.int64) << np.where(scaled, options.wscale[side], 0) >= least
    asked, answered = options.tsval[syn], options.tsval[synack]
    (tsval, tsecr), (of_reply, _) = third.usual_timestamps(), reply.usual_timestamps()
    stamped = tsval != ABSENT
    fine &= (stamped == (answered != ABSENT)) & ~((answered != ABSENT) & (asked == ABSENT))
    right = (options.tsecr[synack] == asked) & (tsecr == answered)
    right &= (seq.ahead(tsval, asked) <= SMALL_STEP) & (seq.ahead(of_reply, answered) <= SMALL_STEP)
    found[which] = fine & (right | ~stamped)
    return found
