"""IP fragments: put together when all pieces are there, within bounds that nothing in a capture can exceed.

A fragment is not a segment; the datagram is. The exception is a first fragment that holds the whole TCP header and no
SYN: ``decode`` judges it at once, since a capture filter on ports leaves its other pieces out, and it is not offered
here. No segment is counted twice: what was judged by its first fragment is never put together.

RFC 791, section 3.2, and RFC 8200, section 4.5. Pieces that overlap or contradict each other are given up, with all
that arrives for their datagram (RFC 5722; for IPv4 hosts differ, and an overlap is what RFC 3128 warns of); an exact
copy of a piece is not an overlap. Pieces that stand in different files are not put together.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import Final

from pcapcheck.capture.frame import NO_TIME, Frame
from pcapcheck.decode.pieces import Piece, Whole, outermost, piece_of, possible, put_together, splits_header
from pcapcheck.decode.segment import NOT_CHECKED, IcmpError, Segment, Skip
from pcapcheck.decode.through_dpkt import decode_datagram

MOST_NOTED: Final = 1 << 16  # datagrams
MOST_OCTETS: Final = 4 << 20  # of pieces that wait, with what each costs beside its octets
PIECE_COST, DATAGRAM_COST = 512, 1024
LONGEST_WAIT: Final = 60 * 10**9  # ns of capture time: RFC 8200, section 4.5


class _Waiting:
    """The pieces of one datagram so far."""

    __slots__ = ("cost", "first_frame", "frames", "given_up", "pieces", "received", "split", "starts", "time", "total")

    def __init__(self, time: int, frame: int) -> None:
        self.time = time
        self.first_frame = frame  # of those that gave no segment
        self.frames = 0
        self.cost = DATAGRAM_COST
        self.starts: list[int] = []  # of the pieces, in order
        self.pieces: list[Piece] = []
        self.received = 0  # octets
        self.total = -1  # octets, once the last piece is there
        self.given_up = False  # contradictory, or judged already: pieces are counted, not kept
        self.split = False  # its TCP header is known to be split

    def give_up(self) -> None:
        self.given_up = True
        self.starts, self.pieces = [], []
        self.cost = DATAGRAM_COST

    def add(self, piece: Piece) -> None:
        """Keep a piece, unless it is a copy; give up the datagram where it cannot be true beside the others."""
        at = bisect_left(self.starts, piece.start)
        before, after = self.pieces[at - 1 : at], self.pieces[at : at + 1]
        if after and after[0][4:8] == piece[4:8]:
            return
        overlaps = (before and before[0].end > piece.start) or (after and after[0].start < piece.end)
        if not piece.more:
            beyond = self.total >= 0 or bool(after)
            self.total = piece.end
        else:
            beyond = 0 <= self.total < piece.end
        if overlaps or beyond:
            self.give_up()
            return
        self.starts.insert(at, piece.start)
        self.pieces.insert(at, piece)
        if not possible(self.pieces[0]._replace(end=max(piece.end, self.total), more=False)):
            self.give_up()  # RFC 8200, section 4.5: longer in all than its headers can say
            return
        self.received += piece.end - piece.start
        self.cost += PIECE_COST + len(piece.octets) + len(piece.headers)

    @property
    def whole(self) -> bool:
        """Whether all pieces are there: nothing overlaps, so their octets are as many as the last one says."""
        return bool(self.pieces) and self.received == self.total


class Fragments:
    """The fragments of one stretch of capture."""

    def __init__(self) -> None:
        self.split_headers = 0  # datagrams whose TCP header is split over fragments, or whose SYN is in fragments
        self.first_split_header = 0  # frame of the first of them, 0 if none
        self._waiting: dict[bytes, _Waiting] = {}  # in order of their first pieces
        self._cost = self._most_cost = 0
        self._begun = self._now = NO_TIME
        self._early: set[bytes] = set()  # datagrams that may have begun before the first fragment
        self._together = 0  # frames that were put together, but for those that gave a segment
        self._first_together = 0
        self._first_left = 0  # the first frame of what was given up

    def __len__(self) -> int:
        """How many datagrams wait for pieces."""
        return len(self._waiting)

    def take(self, frame: Frame) -> Segment | IcmpError | Skip:
        """For a frame that is ``Skip.FRAGMENT`` to ``decode``: what its datagram holds, if this was the last piece.

        Else ``Skip.FRAGMENT`` once more.
        """
        self._pass_time(frame.time_ns)
        piece = piece_of(frame.link_type, frame.data, frame.original_length)
        while piece is not None:
            got = self._offer(piece, frame.number)
            if got is None:
                return Skip.FRAGMENT
            found = decode_datagram(*got) if isinstance(got, Whole) else got
            if found is not Skip.FRAGMENT or not isinstance(got, Whole):
                return found
            # A tunnel in fragments carried a fragment.
            piece = outermost(got.data, got.end, got.datagram)
        self._leave(frame.number)
        return Skip.FRAGMENT

    def are_as_behind(self, others: Sequence[Fragments]) -> bool:
        """Whether all came out as it would have if the fragments of the stretches before had been taken first.

        Where that is not certain it is no.
        """
        if not self._most_cost:
            return True
        if self._begun < max(one._now for one in others):
            return False
        waiting = {key: one.time for other in others for key, one in other._waiting.items()}
        return not waiting or (
            NO_TIME not in waiting.values()
            and len(self._early) < MOST_NOTED
            and self._early.isdisjoint(waiting)
            and self._most_cost + sum(one._cost for one in others) <= MOST_OCTETS
        )

    def settle(self, skipped: Counter[str], first_skipped: dict[str, int]) -> None:
        """In counts by reason, tell the frames that were put together from those that were not."""
        if not self._together:
            return
        skipped[Skip.REASSEMBLED.value] += self._together
        first_skipped[Skip.REASSEMBLED.value] = self._first_together
        skipped[Skip.FRAGMENT.value] -= self._together
        if skipped[Skip.FRAGMENT.value]:
            left = [self._first_left, *(waiting.first_frame for waiting in self._waiting.values())]
            first_skipped[Skip.FRAGMENT.value] = min(filter(None, left))
        else:
            del skipped[Skip.FRAGMENT.value], first_skipped[Skip.FRAGMENT.value]

    def _offer(self, piece: Piece, frame: int) -> Segment | IcmpError | Whole | None:
        """The datagram, or what its first fragment holds; None where it waits, or is given up."""
        if self._now - self._begun <= LONGEST_WAIT and len(self._early) < MOST_NOTED:
            self._early.add(piece.key)
        waiting = self._waiting.get(piece.key)
        if waiting is None:
            waiting = self._waiting[piece.key] = _Waiting(self._now, frame)
            self._cost += waiting.cost
        before = waiting.cost
        found = self._put(piece, waiting, frame)
        self._cost += waiting.cost - before
        self._most_cost = max(self._most_cost, self._cost)
        if waiting.whole:
            self._forget(piece.key)
            self._together += waiting.frames - 1
            if waiting.frames > 1:
                self._first_together = min(waiting.first_frame, self._first_together or waiting.first_frame)
            return put_together(waiting.pieces)
        while self._cost > MOST_OCTETS:
            self._leave(self._forget(next(iter(self._waiting))).first_frame)
        return found

    def _put(self, piece: Piece, waiting: _Waiting, frame: int) -> Segment | IcmpError | None:
        """Put a piece to the others. What a first fragment holds at once: a SYN, behind which others follow."""
        found = None
        fits = possible(piece._replace(more=False))
        if fits and piece.start == 0 and piece.more:
            alone = decode_datagram(*put_together([piece]))
            found = None if isinstance(alone, Skip) else alone
        if found is not None or splits_header(piece):
            self.split_headers += not waiting.split
            self.first_split_header = self.first_split_header or frame
            waiting.split = True
        if found is not None:
            waiting.give_up()
            waiting.first_frame = 0
            return found._replace(checksum=NOT_CHECKED) if isinstance(found, Segment) else found
        waiting.frames += 1
        waiting.first_frame = waiting.first_frame or frame
        if not (fits and possible(piece)):
            waiting.give_up()
        if not waiting.given_up:
            waiting.add(piece)
        return None

    def _pass_time(self, time: int) -> None:
        self._now = max(self._now, time)
        if self._begun == NO_TIME:
            self._begun = time
        while self._waiting:
            key = next(iter(self._waiting))
            since = self._waiting[key].time
            if since == NO_TIME or self._now - since <= LONGEST_WAIT:
                return
            self._leave(self._forget(key).first_frame)

    def _forget(self, key: bytes) -> _Waiting:
        waiting = self._waiting.pop(key)
        self._cost -= waiting.cost
        return waiting

    def _leave(self, frame: int) -> None:
        if frame:
            self._first_left = min(frame, self._first_left or frame)
