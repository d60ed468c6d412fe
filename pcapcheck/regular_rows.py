# cython: boundscheck=True, wraparound=False, cdivision=True, initializedcheck=False, freethreading_compatible=True
"""The loop over the rows of all flows that tells which flows are regular, in Cython's pure Python mode.

A regular flow is one attempt with little out of the ordinary: SYNs with one number; SYN-ACKs with one number that
acknowledge it, and perhaps more of both; the segment that completes the handshake, or the RST that ends it; and rows
that go on from there. The build compiles this very file, as it does decode/compiled.py: where there is no extension
module, it runs as plain Python and gives the same.

A 4-tuple that was used again and again is cut at each SYN with a new number: its parts are told by themselves, and
reused.py says whether they have nothing to do with each other.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

try:
    import cython
except ImportError:
    from pcapcheck import _cython as cython  # type: ignore[no-redef]

from pcapcheck import openings, seq
from pcapcheck.attempts import SETTLED_NS
from pcapcheck.cell_layout import buffer
from pcapcheck.decode import segment
from pcapcheck.evidence import Event
from pcapcheck.faults.rows import COPY_NS
from pcapcheck.rows import Rows

COMPILED: Final = not __file__.endswith(".py")

# The same as C knows them.
_FIN = cython.declare(cython.int, segment.FIN)
_SYN = cython.declare(cython.int, segment.SYN)
_RST = cython.declare(cython.int, segment.RST)
_ACK = cython.declare(cython.int, segment.ACK)
# The flags by which a segment is told from others.
_KIND = cython.declare(cython.int, segment.FIN | segment.SYN | segment.RST | segment.ACK)
_WINDOW_UNSEEN = cython.declare(cython.int, segment.WINDOW_UNSEEN)
_BAD = cython.declare(cython.int, segment.BAD)
_ICMP = cython.declare(cython.int, openings.ICMP)
_SETTLED_NS = cython.declare(cython.longlong, SETTLED_NS)
_COPY_NS = cython.declare(cython.longlong, COPY_NS)
_FAR = cython.declare(cython.longlong, openings.FAR)
_MASK = cython.declare(cython.longlong, seq.MODULUS - 1)
_HALF = cython.declare(cython.longlong, seq.MODULUS // 2)
_ALL_ONES = cython.declare(cython.ulonglong, 2**64 - 1)

_IS_OTHER = cython.declare(cython.int, Event.OTHER)
_IS_SYN = cython.declare(cython.int, Event.SYN)
_IS_SYNACK = cython.declare(cython.int, Event.SYNACK)
_COMPLETES = cython.declare(cython.int, Event.COMPLETING)
_ABORTS = cython.declare(cython.int, Event.ABORT)
_REFUSES = cython.declare(cython.int, Event.REFUSAL)
_RESETS = cython.declare(cython.int, Event.RESET)
_CLIENT_GOES_ON = cython.declare(cython.int, Event.CLIENT_GOES_ON)
_SERVER_GOES_ON = cython.declare(cython.int, Event.SERVER_GOES_ON)
_UNFIT = cython.declare(cython.int, -1)  # no event of a regular flow

# So many rows with steps that are so small add up to less than half of the numbers: what never falls does not go back.
SMALL_STEP: Final = 1 << 24
FEW_ROWS: Final = 32
_SMALL_STEP = cython.declare(cython.longlong, SMALL_STEP)
_FEW_ROWS = cython.declare(cython.longlong, FEW_ROWS)
_PSH = cython.declare(cython.int, segment.PSH)
_WITHOUT_TIMESTAMP = cython.declare(cython.longlong, openings.WITHOUT_TIMESTAMP)
_TSVAL_BACK = cython.declare(cython.longlong, openings.TSVAL_BACK)
_WITH_SACK = cython.declare(cython.longlong, openings.WITH_SACK)
_REPEATED = cython.declare(cython.longlong, openings.REPEATED)
# Bits of word 1 of a row: ECN in the IP header, tunnel, length of the options, and whether they are the usual ones.
_ECN = cython.declare(cython.ulonglong, 3 << 46)
_TUNNEL = cython.declare(cython.ulonglong, 0xFF << 48)

# The bits of a row's code above those of _KIND.
_CODES: Final = 1 << 11


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def _ahead(number: cython.longlong, base: cython.longlong) -> cython.longlong:
    return (number - base) & _MASK


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def _diff(number: cython.longlong, base: cython.longlong) -> cython.longlong:
    return ((number - base + _HALF) & _MASK) - _HALF


@cython.final
@cython.cclass
class Walk:
    """One walk through rows in order of their flows, and what it finds: of each part, and of each row."""

    flow: cython.const[cython.uint][::1]
    words: cython.const[cython.ulonglong][::1]
    folds: cython.const[cython.ulonglong][::1]

    # Found: of each row what it is to its attempt, if its part is regular; of each part what parts() says.
    event: cython.schar[::1]
    begin: cython.longlong[::1]
    regular: cython.uchar[::1]
    doubtful: cython.uchar[::1]
    syns: cython.longlong[::1]
    opened: cython.longlong[::1]
    syn_count: cython.longlong[::1]
    synack: cython.longlong[::1]
    last_synack: cython.longlong[::1]
    until: cython.ulonglong[::1]  # as in words: 2^63 added
    pattern: cython.ulonglong[::1]
    smooth: cython.uchar[::1]
    sacked: cython.uchar[::1]
    largest: cython.longlong[::1]
    reply: cython.longlong[::1]
    data: cython.longlong[::1]
    reaction: cython.longlong[::1]
    cover: cython.longlong[::1]
    goes_on: cython.longlong[::1]
    final: cython.longlong[::1]
    last: cython.longlong[::1]
    from_client: cython.uchar[::1]  # of each row of a regular part

    secret: cython.ulonglong
    coded: cython.longlong[::1]  # of each code the last part that had it, and 1

    # Of the part at hand.
    part: cython.Py_ssize_t
    first: cython.Py_ssize_t
    answer: cython.Py_ssize_t  # its first SYN-ACK, -1 before there is one
    is_open: cython.bint  # what comes now is behind the SYNs and SYN-ACKs
    is_over: cython.bint  # an RST ended it in place of the third segment: nothing follows
    reset: cython.bint  # an RST came later
    acked_since: cython.int  # by the server (1), by the client (2)
    before_of_server: cython.Py_ssize_t  # its last row so far, -1 before there is one
    before_of_client: cython.Py_ssize_t

    # Of the part at hand, as long as it is smooth; of the client, then of the server. Numbers count from its SYN.
    is_smooth: cython.bint
    stamped: cython.bint
    repeated: cython.bint
    begun: cython.longlong[::1]  # where its last data in a row of its own begins, -1 before there is any
    end: cython.longlong[::1]  # of what it sent
    fin: cython.longlong[::1]  # the end of its FIN, 0 before there is one
    acked: cython.longlong[::1]  # how far it acknowledged
    last_ack: cython.longlong[::1]
    spoke: cython.longlong[::1]  # whether it sent data
    tsval: cython.longlong[::1]  # its last, -1 before there is one
    ttl: cython.longlong[::1]
    data_end: cython.longlong  # of the client's first data

    def __init__(self, rows: Rows, secret: int) -> None:
        """``secret``: 64 bits that those who choose the traffic do not know."""
        self.flow, self.words, self.folds = buffer(rows.flow), buffer(rows.words), buffer(rows.folds)
        size = len(rows)
        self.event, self.from_client = memoryview(np.zeros(size, np.int8)), memoryview(np.zeros(size, np.uint8))
        self.regular, self.doubtful, self.smooth, self.sacked = (_room(size, np.uint8) for _ in range(4))
        self.begin, self.syns, self.opened = _room(size, np.int64), _room(size, np.int64), _room(size, np.int64)
        self.syn_count, self.synack = _room(size, np.int64), _room(size, np.int64)
        self.last_synack, self.until = _room(size, np.int64), _room(size, np.uint64)
        self.pattern = _room(size, np.uint64)
        self.largest, self.reply, self.data, self.reaction, self.cover, self.goes_on, self.final, self.last = (
            _room(size, np.int64) for _ in range(8)
        )
        self.begun, self.end, self.fin, self.acked, self.last_ack, self.spoke, self.tsval, self.ttl = (
            _room(2, np.int64) for _ in range(8)
        )
        self.secret = secret | 1
        self.coded = memoryview(np.zeros(_CODES, np.int64))
        self.part = 0

    def walk(self) -> None:
        """Through all rows, once."""
        at: cython.Py_ssize_t = 0
        with cython.nogil:
            while at < self.flow.shape[0]:
                at = self._take_part(at)

    def events(self) -> Any:
        """What each row of a regular part is to its attempt (Event)."""
        return np.asarray(self.event)

    def sides(self) -> Any:
        """Whether the client sent it, of each row of a regular part."""
        return np.asarray(self.from_client).view(bool)

    def parts(self) -> dict[str, Any]:
        """The columns of regular_flows.Parts."""
        columns = {
            "begin": self.begin,
            "regular": self.regular,
            "doubtful": self.doubtful,
            "syns": self.syns,
            "opened": self.opened,
            "syn_count": self.syn_count,
            "synack": self.synack,
            "last_synack": self.last_synack,
            "until": self.until,
            "pattern": self.pattern,
            "smooth": self.smooth,
            "sacked": self.sacked,
            "largest": self.largest,
            "reply": self.reply,
            "data": self.data,
            "reaction": self.reaction,
            "cover": self.cover,
            "goes_on": self.goes_on,
            "final": self.final,
            "last": self.last,
        }
        found = {name: np.asarray(column)[: self.part] for name, column in columns.items()}
        found["until"] = (found["until"] ^ np.uint64(1 << 63)).view(np.int64)
        return {name: column.view(bool) if column.dtype == np.uint8 else column for name, column in found.items()}

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _take_part(self, begin: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Tell the part that begins there; where the next one does."""
        at: cython.Py_ssize_t = begin
        event: cython.int = _IS_OTHER
        part: cython.Py_ssize_t = self.part
        self.first = begin
        self.answer = self.before_of_server = self.before_of_client = -1
        self.is_open = self.is_over = self.reset = False
        self.acked_since = 0
        self.begin[part] = begin
        self.doubtful[part] = False
        self.syns[part] = self.opened[part] = self.syn_count[part] = 0
        self.last_synack[part] = -1
        self.until[part] = self._until(begin)
        self.pattern[part] = self.secret
        self._begin_smoothly()
        while at < self.flow.shape[0] and not self._is_of_another_part(at):
            if event != _UNFIT:
                event = self._event(at) if self._is_plain(at) else _UNFIT
                if event != _UNFIT:
                    self._note(at, event)
                    self.is_smooth = self.is_smooth and self._goes_smoothly(at, event)
            at += 1
        if not self.is_open:
            self.opened[part] = at - begin
        self.synack[part] = self.answer
        self.regular[part] = event != _UNFIT
        self.smooth[part] = event != _UNFIT and self.is_smooth and self._ends_smoothly(at - begin)
        self.part += 1
        return at

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def _is_of_another_part(self, at: cython.Py_ssize_t) -> cython.int:
        """Of another flow, or a SYN with another number."""
        first: cython.Py_ssize_t = self.first
        if self.flow[at] != self.flow[first]:
            return True
        if self._flags(at) & _KIND != _SYN:
            return False
        return self._seq(at) != self._seq(first) or self._side(at) != self._side(first)

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def _is_plain(self, at: cython.Py_ssize_t) -> cython.int:
        """A segment that was captured with its numbers, in the VLAN of the first, and not before the row before it."""
        if self._kind(at) == _ICMP or self._unseen(at) & _WINDOW_UNSEEN or self._time(at) == 0:
            return False
        return self._vlan(at) == self._vlan(self.first) and (at == self.first or self._time(at) >= self._time(at - 1))

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-2)
    def _event(self, at: cython.Py_ssize_t) -> cython.int:
        """What the row is to its attempt; _UNFIT if the attempt is not regular for it."""
        from_client: cython.bint = self._side(at) == self._side(self.first)
        event: cython.int
        if self.is_open:
            return _UNFIT if self.is_over else self._later(at, from_client)
        event = self._opens(at, from_client)
        if event == _IS_OTHER:
            self.is_open = True
            self.opened[self.part] = at - self.first
            return self._is_refused(at, from_client) if self.answer < 0 else self._third(at, from_client)
        return event

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-2)
    def _opens(self, at: cython.Py_ssize_t, from_client: cython.bint) -> cython.int:
        """One of the SYNs and SYN-ACKs with which it begins; _IS_OTHER for what comes behind them."""
        kind: cython.int = self._flags(at) & _KIND
        if self._payload(at) or self._folded(at):
            return _IS_OTHER
        if kind == _SYN and from_client and self._seq(at) == self._seq(self.first):
            # After so long it may be another attempt; and when the SYN-ACK is there already, it was sent later.
            if at > self.first and self._time(at) - self._time(at - 1) > _SETTLED_NS:
                return _UNFIT
            if self.answer >= 0 and self._time(at) <= self._time(self.answer):
                return _UNFIT
            if self.answer < 0:
                self.syns[self.part] += 1
            self.syn_count[self.part] += 1
            return _IS_SYN
        if kind == _SYN | _ACK and not from_client and _ahead(self._ack(at), self._seq(self.first)) == 1:
            if self.answer < 0:
                self.answer = at
            elif self._seq(at) != self._seq(self.answer):
                return _IS_OTHER
            self.last_synack[self.part] = at
            return _IS_SYNACK
        return _IS_OTHER

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-2)
    def _is_refused(self, at: cython.Py_ssize_t, from_client: cython.bint) -> cython.int:
        """An RST with the number that RFC 9293, 3.10.7.3, demands."""
        if from_client or self._flags(at) & _KIND != _RST | _ACK or self._payload(at) or self._folded(at):
            return _UNFIT
        if _ahead(self._ack(at), self._seq(self.first)) != 1:
            return _UNFIT
        self.is_over = True
        return _REFUSES

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-2)
    def _third(self, at: cython.Py_ssize_t, from_client: cython.bint) -> cython.int:
        """The segment that completes the handshake, or an RST of either side with the exact number."""
        flags: cython.int = self._flags(at)
        behind_syn: cython.longlong = _ahead(self._seq(at), self._seq(self.first))
        behind_synack: cython.longlong
        if flags & _RST:
            if not from_client:
                behind_syn = _ahead(self._seq(at), self._seq(self.answer))
            if flags & _SYN or self._folded(at) or behind_syn != 1:
                return _UNFIT
            self.is_over = True
            return _ABORTS
        behind_synack = _ahead(self._ack(at), self._seq(self.answer))
        if from_client and flags & (_SYN | _ACK) == _ACK and behind_syn == 1 and behind_synack == 1:
            return _COMPLETES
        return _UNFIT

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-2)
    def _later(self, at: cython.Py_ssize_t, from_client: cython.bint) -> cython.int:
        """An ACK of either side, or an RST behind which no ACKs of both sides follow: that one closes in any case."""
        flags: cython.int = self._flags(at)
        ahead: cython.longlong
        if flags & _SYN:
            return _UNFIT
        if flags & _RST:
            self.reset = True
            return _RESETS
        if not flags & _ACK:
            return _UNFIT
        if self.reset:
            self.acked_since |= 2 if from_client else 1
            if self.acked_since == 3:
                return _UNFIT
        if from_client:
            return _CLIENT_GOES_ON
        ahead = _ahead(self._seq(at), self._seq(self.answer))
        if (self._payload(at) or flags & _FIN) and 0 < ahead < _FAR:
            return _SERVER_GOES_ON
        return _SERVER_GOES_ON if self._is_beyond(at) else _IS_OTHER

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def _is_beyond(self, at: cython.Py_ssize_t) -> cython.int:
        """A server's row that acknowledges more than its SYN-ACK did."""
        acknowledged: cython.longlong = self._ack(at)
        return 0 < _ahead(acknowledged + self._folded_ack(at) - 1, self._seq(self.first)) < _FAR

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _note(self, at: cython.Py_ssize_t, event: cython.int) -> cython.int:
        """Enter the row into what is known of its part: its event, and its code where that is new to the pattern."""
        part: cython.Py_ssize_t = self.part
        from_client: cython.bint = self._side(at) == self._side(self.first)
        before: cython.Py_ssize_t = self.before_of_client if from_client else self.before_of_server
        code: cython.int = self._flags(at) & _KIND
        pattern: cython.ulonglong
        self.event[at] = event
        self.from_client[at] = from_client
        if before >= 0 and not self._is_itself(at, before):
            self.doubtful[part] = True
        if from_client:
            self.before_of_client = at
            code |= 1 << 5
        else:
            self.before_of_server = at
            if self._is_beyond(at):
                code |= 1 << 9
        if self._payload(at):
            code |= 1 << 6
            if event == _COMPLETES:
                code |= 1 << 7
        elif self._folded_octets(at):
            code |= 1 << 6
        if self._checksum(at) == _BAD:
            code |= 1 << 8
        if event == _SERVER_GOES_ON:
            code |= 1 << 10
        if self.coded[code] != part + 1:
            self.coded[code] = part + 1
            pattern = ((self.pattern[part] ^ (code + 1)) * self.secret) & _ALL_ONES
            self.pattern[part] = pattern ^ pattern >> 29
        if self._until(at) > self.until[part]:
            self.until[part] = self._until(at)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _is_itself(self, at: cython.Py_ssize_t, before: cython.Py_ssize_t) -> cython.int:
        """A row that is no copy: it lies behind the one before it of its side, or comes too long after it.

        Times are in order. So of rows that lie each behind the one before no two are alike, and all that is older than
        the first of them is too old.
        """
        flags: cython.int = self._flags(at)
        flags_before: cython.int = self._flags(before)
        ahead: cython.longlong
        acked: cython.longlong
        if self._time(at) - self._time(before) > _COPY_NS:
            return True
        # An RST need not acknowledge: it is like no other segment, and nothing is compared with it.
        if flags_before & _RST:
            return False
        if flags & _RST:
            return True
        ahead = _diff(self._seq(at), self._seq(before))
        if flags_before & _ACK:
            acked = _diff(self._ack(at), self._ack(before))
        else:
            acked = flags & _ACK  # what the SYN before it acknowledges is nothing
        if ahead < 0 or acked < 0:
            return False
        if ahead > 0 or acked > 0 or flags > flags_before:
            return True
        return flags == flags_before and self._payload(at) > self._payload(before)

    # What is smooth is said in smooth.py.

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def _begin_smoothly(self) -> cython.int:
        side: cython.Py_ssize_t
        part: cython.Py_ssize_t = self.part
        self.is_smooth = True
        self.stamped = self.repeated = self.sacked[part] = False
        self.largest[part] = self.data_end = 0
        self.reply[part] = self.data[part] = self.reaction[part] = self.cover[part] = -1
        self.goes_on[part] = self.final[part] = self.last[part] = -1
        for side in range(2):
            self.end[side] = self.fin[side] = self.acked[side] = self.last_ack[side] = self.spoke[side] = 0
            self.tsval[side] = self.begun[side] = -1
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _goes_smoothly(self, at: cython.Py_ssize_t, event: cython.int) -> cython.bint:
        """Whether the part is smooth with this row, too."""
        place: cython.Py_ssize_t = at - self.first
        side: cython.Py_ssize_t = self._side(at) != self._side(self.first)
        flags: cython.int = self._flags(at)
        header: cython.ulonglong = self.words[at * 8 + 1]
        if self._unseen(at) or self._checksum(at) == _BAD or (header ^ self.words[self.first * 8 + 1]) & _TUNNEL:
            return False
        if place < 3 and self._has_fold(at):
            return False
        if place < 2:
            self.ttl[side] = self.words[at * 8 + 4] & 0xFF
            if header & _ECN:
                return False
            if place == 0:
                return flags == _SYN and self._ack(at) == 0
            return event == _IS_SYNACK and flags == _SYN | _ACK
        if self.ttl[side] != self.words[at * 8 + 4] & 0xFF or flags & ~(_ACK | _PSH | _FIN):
            return False
        if place == 2:
            self.stamped = self._is_stamped(at)
            if event != _COMPLETES or self._payload(at) or flags & _FIN:
                return False
        return self._is_stamped_smoothly(at, side) and self._is_in_step(at, side) and self._is_placed(at, side, event)

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def _is_stamped(self, at: cython.Py_ssize_t) -> cython.bint:
        """Its options are timestamps and nothing else."""
        return self.words[at * 8 + 1] >> 62 & 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _is_stamped_smoothly(self, at: cython.Py_ssize_t, side: cython.Py_ssize_t) -> cython.bint:
        """It has timestamps like the others, which do not fall, or no options; so has what was folded into it."""
        own: cython.longlong = self.words[at * 8 + 5] >> 32
        folded: cython.longlong = self._folded_tsval(at)
        signs: cython.longlong = self._signs(at)
        if signs & _WITH_SACK:
            self.sacked[self.part] = True
        if not self.stamped:
            return not self.words[at * 8 + 1] >> 56 & 0x7F and folded < 0 and not signs & _TSVAL_BACK
        if not self._is_stamped(at) or signs & (_TSVAL_BACK | _WITHOUT_TIMESTAMP):
            return False
        if self.tsval[side] >= 0 and _ahead(own, self.tsval[side]) > _SMALL_STEP:
            return False
        self.tsval[side] = folded if self._has_fold(at) else own
        return not self._has_fold(at) or (folded >= 0 and _ahead(folded, own) <= _SMALL_STEP)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _is_in_step(self, at: cython.Py_ssize_t, side: cython.Py_ssize_t) -> cython.bint:
        """It begins where what its side sent ended, and so does what was folded into it, but for what came again."""
        isn: cython.longlong = self._seq(self.answer if side else self.first)
        of_peer: cython.longlong = self._seq(self.first if side else self.answer)
        flags: cython.int = self._flags(at)
        payload: cython.longlong = self._payload(at)
        size: cython.longlong = payload + (self.words[at * 8 + 1] >> 56 & 0x3F)
        acked: cython.longlong = _ahead(self._ack(at) - 1, of_peer)
        fold: cython.Py_ssize_t = self._fold(at) * 8
        octets: cython.longlong
        reach: cython.longlong
        if _ahead(self._seq(at) - 1, isn) != self.end[side] or acked >= _FAR or (self.fin[side] and payload):
            return False
        self.end[side] += payload
        self.last_ack[side] = acked
        if payload:
            self.spoke[side] = True
            self.begun[side] = self.end[side] - payload
            self.largest[self.part] = max(self.largest[self.part], size)
        if flags & _FIN:
            self.end[side] += 1
            if self.fin[side] or self._has_fold(at):
                return False
            self.fin[side] = self.end[side]
        if self._has_fold(at):
            octets = self.folds[fold - 7] & _MASK
            reach = self.folds[fold - 5] >> 32
            # They reach further where one of them is missing, and less far where one came again.
            if octets != self.folds[fold - 7] or octets < reach or (octets and not self.spoke[side]):
                return False
            if self._signs(at) & _REPEATED:
                self.repeated = True
            elif octets != reach:
                return False
            self.end[side] += reach
            acked += self.folds[fold - 5] & _MASK
            self.largest[self.part] = max(self.largest[self.part], self.folds[fold - 4] & _MASK)
        self.acked[side] = max(self.acked[side], acked)
        return self.end[side] < _FAR

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _is_placed(self, at: cython.Py_ssize_t, side: cython.Py_ssize_t, event: cython.int) -> cython.bint:
        """Remember its place where it is the first, or last, of its kind."""
        part: cython.Py_ssize_t = self.part
        place: cython.Py_ssize_t = at - self.first
        has_fin: cython.bint = self._flags(at) & _FIN
        if side == 0:
            self.last[part] = place
            if self._payload(at) and self.data[part] < 0:
                self.data[part] = place
                self.data_end = _ahead(self._seq(at) - 1, self._seq(self.first)) + self._payload(at)
                return not has_fin
            return True
        if self.reply[part] < 0:
            self.reply[part] = place
        if event == _SERVER_GOES_ON:
            self.final[part] = place
            if self.goes_on[part] < 0:
                self.goes_on[part] = place
            if self.reaction[part] < 0 and self.data[part] >= 0:
                self.reaction[part] = place
        if self.cover[part] < 0 and self.data[part] >= 0 and not has_fin and self.last_ack[1] >= self.data_end:
            self.cover[part] = place
        return True

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _ends_smoothly(self, size: cython.Py_ssize_t) -> cython.bint:
        """The server went on, nothing more was acknowledged than captured, and both FINs are, or none."""
        side: cython.Py_ssize_t
        if size < 4 or size > _FEW_ROWS or self.goes_on[self.part] < 0:
            return False
        for side in range(2):
            if self.acked[side] > self.end[1 - side] or (self.fin[side] > 0) != (self.fin[1 - side] > 0):
                return False
            if self.fin[side] and self.last_ack[1 - side] != self.fin[side]:
                return False
            if self.repeated and self.begun[side] >= self.acked[1 - side]:
                return False
        return True

    # The words of a row (decode/compiled.py).

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def _time(self, at: cython.Py_ssize_t) -> cython.ulonglong:
        """With 2^63 added, so that NO_TIME is 0."""
        return self.words[at * 8]

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def _side(self, at: cython.Py_ssize_t) -> cython.int:
        return self.words[at * 8 + 1] >> 40 & 1

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def _kind(self, at: cython.Py_ssize_t) -> cython.int:
        return self.words[at * 8 + 1] >> 41 & 1

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def _checksum(self, at: cython.Py_ssize_t) -> cython.int:
        return self.words[at * 8 + 1] >> 42 & 3

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def _unseen(self, at: cython.Py_ssize_t) -> cython.int:
        return self.words[at * 8 + 1] >> 44 & 3

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def _seq(self, at: cython.Py_ssize_t) -> cython.longlong:
        return self.words[at * 8 + 2] >> 32

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def _ack(self, at: cython.Py_ssize_t) -> cython.longlong:
        return self.words[at * 8 + 2] & _MASK

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def _payload(self, at: cython.Py_ssize_t) -> cython.longlong:
        return self.words[at * 8 + 3] >> 32

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def _flags(self, at: cython.Py_ssize_t) -> cython.int:
        return self.words[at * 8 + 3] & 0xFFF

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def _vlan(self, at: cython.Py_ssize_t) -> cython.int:
        """And 1 more; 0 where there is none."""
        return self.words[at * 8 + 4] >> 25 & 0x1FFF

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def _fold(self, at: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """The number of what was folded into it, from 1; 0 where nothing was."""
        return self.words[at * 8 + 6] >> 32

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def _folded(self, at: cython.Py_ssize_t) -> cython.longlong:
        """How many segments were folded into it."""
        fold: cython.Py_ssize_t = self._fold(at)
        return self.folds[fold * 8 - 8] >> 32 if fold else 0

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def _has_fold(self, at: cython.Py_ssize_t) -> cython.bint:
        """Something was folded into it: a fold may be there before anything is in it."""
        return self._folded(at) != 0 or self._folded_octets(at) != 0

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def _signs(self, at: cython.Py_ssize_t) -> cython.longlong:
        """What some of them show."""
        fold: cython.Py_ssize_t = self._fold(at)
        return self.folds[fold * 8 - 8] & 0xFF if fold else 0

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def _folded_tsval(self, at: cython.Py_ssize_t) -> cython.longlong:
        """The TSval of the last of them, -1 where it has none."""
        fold: cython.Py_ssize_t = self._fold(at)
        stamp: cython.longlong = self.folds[fold * 8 - 3] if fold else 0
        return stamp - 1

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def _folded_octets(self, at: cython.Py_ssize_t) -> cython.ulonglong:
        """And their payload."""
        fold: cython.Py_ssize_t = self._fold(at)
        return self.folds[fold * 8 - 7] if fold else 0

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def _folded_ack(self, at: cython.Py_ssize_t) -> cython.longlong:
        """How far beyond its own they acknowledge."""
        fold: cython.Py_ssize_t = self._fold(at)
        return self.folds[fold * 8 - 5] & _MASK if fold else 0

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def _until(self, at: cython.Py_ssize_t) -> cython.ulonglong:
        """The time of the last of them, or its own; with 2^63 added."""
        fold: cython.Py_ssize_t = self._fold(at)
        return self.folds[fold * 8 - 6] if fold else self.words[at * 8]


def _room(size: int, kind: Any) -> memoryview:
    return memoryview(np.empty(size, kind))
