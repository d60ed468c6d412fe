# cython: boundscheck=True, wraparound=False, cdivision=True, initializedcheck=False, freethreading_compatible=True
"""The loop over all packets: framing, decoding and selecting, in Cython's pure Python mode.

The build compiles this very file to an extension module, which Python prefers to the .py beside it; where there is
none, the .py runs as it stands and gives the same. It knows the plain cases; every other frame it hands back, in
order, to be decoded through dpkt. What it keeps, and why, is said in select.py; a test holds it to the same on any
octets.

All that is kept lies in one array of cells of eight 64-bit words, each cell a cache line:

- a flow: its key and where its rows are;
- a row: one kept segment;
- a fold: what was folded into a row;
- a run: the rows of one SYN (or SYN-ACK, or ICMP error) that was repeated;
- a key: the addresses of IPv6, and a tunnel's tenant.

Words are unsigned in both forms of the file: times are kept with 2^63 added, so that NO_TIME is 0.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

try:
    import cython
except ImportError:
    from pcapcheck import _cython as cython  # type: ignore[no-redef]

COMPILED: Final = not __file__.endswith(".py")

# Why the loop stopped.
MORE: Final = 1  # more octets are needed behind the position
ODD: Final = 2  # a frame that is not plain: ``data_at``, ``captured``, ``original``, ``time`` and ``link_type``
GROW: Final = 3  # room for more cells is needed
OTHER: Final = 4  # a record that is not plain, or not right: the reader in Python looks at it

# Rows of these link types are decoded here, numbered as LINK_* in _frame.
LINKS: Final = {1: 1, 113: 2, 276: 3, 0: 4, 101: 5, 12: 5, 14: 5, 228: 6, 229: 7}

WORDS: Final = 8  # of a cell
_FIRST_CELL: Final = 1  # 0 is none
_SLACK: Final = 8  # cells that one frame may take at most
_TEXT_SLACK: Final = 64
_NOTHING: Final = memoryview(bytearray())
_FEWEST_SLOTS: Final = 1 << 12
_FEW_ROWS = cython.declare(cython.longlong, 16)  # of a flow; most have no more
_AHEAD = cython.declare(cython.longlong, 64)  # flows, or rows, that are fetched together


def _zeros(size: cython.Py_ssize_t, kind: Any = np.uint64) -> memoryview:
    """Numbers, mostly words, that the system hands out page by page when they are first written.

    They begin where a line of the processor's cache does: then a cell, which is as long, is one line and not two.
    """
    octets = np.dtype(kind).itemsize
    of_line = 8 * WORDS // octets
    numbers = np.zeros(size + of_line, kind)
    skipped = -numbers.__array_interface__["data"][0] // octets % of_line
    return memoryview(numbers[skipped : skipped + size])


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def _low(word: cython.ulonglong) -> cython.ulonglong:
    """The lower 32 bits."""
    mask: cython.ulonglong = 0xFFFF
    return word & (mask << 16 | mask)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def _low_40(word: cython.ulonglong) -> cython.ulonglong:
    """The lower 40 bits: a frame number."""
    mask: cython.ulonglong = 0xFFFFF
    return word & (mask << 20 | mask)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def _time(word: cython.ulonglong) -> cython.longlong:
    """A time as it is outside of cells."""
    bias: cython.ulonglong = 1 << 63
    if word >= bias:
        return word - bias
    return -(bias - word)


@cython.final
@cython.cclass
class Table:
    """The flows of one stretch of capture, and what is kept of them."""

    cells: cython.ulonglong[::1]
    slots: cython.ulonglong[::1]  # of flows: hash << 32 | cell
    run_slots: cython.ulonglong[::1]
    flows: cython.uint[::1]  # cell of each flow, in order of first appearance
    texts: cython.uchar[::1]  # options that are not just the usual timestamps
    udp_tunnel: cython.uchar[::1]  # by port
    used: cython.Py_ssize_t
    flow_count: cython.Py_ssize_t
    # Cells lie far apart. Asked for one after the other, with nothing between, they are waited for together.
    fetched: cython.ulonglong  # what was read of them for nothing else
    next_row: cython.ulonglong[::1]  # of flows
    run_count: cython.Py_ssize_t
    row_count: cython.Py_ssize_t
    text_used: cython.Py_ssize_t
    bias: cython.ulonglong
    seeds: cython.ulonglong[::1]

    buffer: cython.uchar[::1]  # of the capture, while the loop goes through them: to hand them on takes long
    beyond: cython.bint  # a number was read that is not within them

    # Of the record at which the loop stopped.
    stopped: cython.int
    data_at: cython.Py_ssize_t
    captured: cython.longlong
    original: cython.longlong
    time: cython.longlong
    link_type: cython.int

    # What the frames were.
    frames: cython.longlong
    octets: cython.longlong
    segments: cython.longlong
    cut_segments: cython.longlong
    first_cut: cython.longlong
    not_ip: cython.longlong
    first_not_ip: cython.longlong
    not_tcp: cython.longlong
    first_not_tcp: cython.longlong
    timed: cython.bint
    first_time: cython.longlong
    last_time: cython.longlong
    first_frame_time: cython.longlong
    last_frame_time: cython.longlong
    first_timed: cython.longlong
    steps_back: cython.longlong
    first_step_back: cython.longlong
    largest_step_back: cython.longlong

    # Which segments are looked at (window.Window), and how many were not.
    windowed: cython.bint
    since: cython.longlong
    until: cython.longlong
    since_start: cython.longlong
    until_start: cython.longlong
    ports: cython.uchar[::1]  # by port, empty: all
    networks: cython.ulonglong[::1]  # five words each: whether IPv6, address, mask; empty: all
    filtered: cython.longlong

    # Found by _scan.
    found_tsval: cython.longlong
    found_sack: cython.bint

    def __init__(self, seed: bytes, udp_tunnels: object, room: int = 1 << 12) -> None:
        """``seed``: 32 octets that those who choose the addresses do not know. ``room``: cells to begin with."""
        self.buffer = _NOTHING
        self.beyond = False
        self.cells = _zeros(WORDS * max(room, 4 * _SLACK))
        self.slots = _zeros(_FEWEST_SLOTS)
        self.run_slots = _zeros(64)
        self.next_row = _zeros(_AHEAD)
        self.fetched = 0
        self.flows = memoryview(np.zeros(_FEWEST_SLOTS // 2 + _SLACK, np.uint32))
        self.texts = memoryview(np.zeros(1 << 12, np.uint8))
        ports = np.zeros(1 << 16, np.uint8)
        ports[list(udp_tunnels)] = 1  # type: ignore[call-overload]
        self.udp_tunnel = memoryview(ports)
        self.seeds = memoryview(np.frombuffer(seed, "<u8").astype(np.uint64) | np.uint64(1))
        self.used = _FIRST_CELL
        self.flow_count = self.run_count = self.row_count = self.text_used = 0
        self.bias = 1 << 63
        self.stopped = 0
        self.data_at = 0
        self.captured = self.original = self.time = 0
        self.link_type = 0
        self.frames = self.octets = self.segments = self.cut_segments = self.first_cut = 0
        self.not_ip = self.first_not_ip = self.not_tcp = self.first_not_tcp = 0
        self.timed = False
        self.first_time = self.last_time = self.first_frame_time = self.last_frame_time = 0
        self.first_timed = self.steps_back = self.first_step_back = self.largest_step_back = 0
        self.windowed = False
        self.since = self.until = self.since_start = self.until_start = self.filtered = 0
        self.ports = memoryview(np.zeros(0, np.uint8))
        self.networks = memoryview(np.zeros(0, np.uint64))
        self.found_tsval = -1
        self.found_sack = False

    def look_at(
        self,
        times: tuple[int, int, int, int],
        ports: list[int],
        networks: list[tuple[int, int, int, int, int]],
    ) -> None:
        """Look at no more than these segments. ``times`` are the first and the last, then both after the first frame.

        Networks are whether IPv6, the upper and lower 64 bits of the address, and those of the mask.
        """
        self.windowed = True
        self.since, self.until, self.since_start, self.until_start = times
        wanted = np.zeros(1 << 16 if ports else 0, np.uint8)
        wanted[ports] = 1
        self.ports = memoryview(wanted)
        self.networks = memoryview(np.array(networks, np.uint64).ravel())

    # Records.

    def walk_pcap(
        self,
        octets: cython.uchar[::1],
        position: cython.Py_ssize_t,
        end: cython.Py_ssize_t,
        big_endian: cython.bint,
        nanoseconds: cython.longlong,
        header: cython.Py_ssize_t,
        limit: cython.longlong,
        link_type: cython.int,
        link: cython.int,
    ) -> int:
        """Take the records of ``octets[position:end]``; where it stopped, at a record's start or, for ODD, behind one.

        ``nanoseconds`` is one unit of a time stamp's fraction, ``header`` the octets of a record header, ``limit`` the
        longest captured length, ``link`` what LINKS says of the link type (0: every frame is odd).
        """
        self.buffer = octets
        with cython.nogil:
            position = self._pcap(position, end, big_endian, nanoseconds, header, limit, link_type, link)
        self._let_go()
        return position

    @cython.cfunc
    @cython.exceptval(-1)
    def _let_go(self) -> cython.int:
        """The octets have been gone through, if all that was read was of them."""
        self.buffer = _NOTHING
        if self.beyond:
            raise IndexError("beyond the octets")
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _pcap(
        self,
        position: cython.Py_ssize_t,
        end: cython.Py_ssize_t,
        big_endian: cython.bint,
        nanoseconds: cython.longlong,
        header: cython.Py_ssize_t,
        limit: cython.longlong,
        link_type: cython.int,
        link: cython.int,
    ) -> cython.Py_ssize_t:
        at: cython.Py_ssize_t = position
        data: cython.Py_ssize_t
        seconds: cython.longlong
        fraction: cython.longlong
        captured: cython.longlong
        original: cython.longlong
        while True:
            data = at + header
            if data > end:
                self.stopped = 1  # MORE
                return at
            seconds = self._number(at, big_endian)
            fraction = self._number(at + 4, big_endian)
            captured = self._number(at + 8, big_endian)
            original = self._number(at + 12, big_endian)
            if captured > limit or captured > original or captured == 0:
                self.stopped = 4  # OTHER
                return at
            if data + captured > end:
                self.stopped = 1  # MORE
                return at
            if self._is_full():
                self.stopped = 3  # GROW
                return at
            at = data + captured
            if self._take(data, captured, original, seconds * 1000000000 + fraction * nanoseconds, link):
                self.stopped = 2  # ODD
                self.link_type = link_type
                return at

    def walk_pcapng(
        self,
        octets: cython.uchar[::1],
        position: cython.Py_ssize_t,
        end: cython.Py_ssize_t,
        big_endian: cython.bint,
        interfaces: cython.longlong[:, ::1],
        longest: cython.longlong,
    ) -> int:
        """Take enhanced packet blocks; stops (OTHER) before every other block.

        A line of ``interfaces`` is one interface of the section: link type, its LINKS, longest captured length,
        nanoseconds of one unit of a time stamp (0: it is not a whole number), the largest time stamp that fits, and
        nanoseconds to be added.
        """
        self.buffer = octets
        with cython.nogil:
            position = self._pcapng(position, end, big_endian, interfaces, longest)
        self._let_go()
        return position

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _pcapng(
        self,
        position: cython.Py_ssize_t,
        end: cython.Py_ssize_t,
        big_endian: cython.bint,
        interfaces: cython.longlong[:, ::1],
        longest: cython.longlong,
    ) -> cython.Py_ssize_t:
        at: cython.Py_ssize_t = position
        length: cython.longlong
        trailer: cython.longlong
        source: cython.longlong
        high: cython.longlong
        low: cython.longlong
        captured: cython.longlong
        original: cython.longlong
        stamp: cython.longlong
        while True:
            if at + 32 > end:
                self.stopped = 1  # MORE
                return at
            if self._number(at, big_endian) != 6:  # an enhanced packet
                self.stopped = 4  # OTHER
                return at
            length = self._number(at + 4, big_endian)
            source = self._number(at + 8, big_endian)
            high = self._number(at + 12, big_endian)
            low = self._number(at + 16, big_endian)
            captured = self._number(at + 20, big_endian)
            original = self._number(at + 24, big_endian)
            # Whatever is not right, or not plain, the reader in Python sees again from its start.
            if length < 32 or length > longest or length & 3 or source >= interfaces.shape[0]:
                self.stopped = 4  # OTHER
                return at
            if at + length > end:
                self.stopped = 1  # MORE
                return at
            if captured > length - 32 or captured > interfaces[source, 2] or interfaces[source, 3] == 0:
                self.stopped = 4  # OTHER
                return at
            trailer = self._number(at + length - 4, big_endian)
            if trailer != length or high >> 31:
                self.stopped = 4  # OTHER
                return at
            stamp = high << 32 | low
            if stamp > interfaces[source, 4]:
                self.stopped = 4  # OTHER
                return at
            if self._is_full():
                self.stopped = 3  # GROW
                return at
            stamp = stamp * interfaces[source, 3] + interfaces[source, 5]
            if self._take(at + 28, captured, original, stamp, interfaces[source, 1]):
                self.stopped = 2  # ODD
                self.link_type = interfaces[source, 0]
                return at + length
            at += length

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def _is_full(self) -> cython.bint:
        """Whether one more frame may not fit."""
        return (
            8 * self.used + 64 > self.cells.shape[0]  # _SLACK cells
            or self.text_used + 64 > self.texts.shape[0]
            or self.flow_count + 1 > self.flows.shape[0]
            or 2 * self.flow_count + 2 > self.slots.shape[0]
            or 2 * self.run_count + 8 > self.run_slots.shape[0]
        )

    def cells_are_full(self) -> bool:
        """Whether it is the cells, which are most of all octets, that need more room."""
        return bool((self.used + _SLACK) * WORDS > self.cells.shape[0])

    def make_room(self) -> None:
        """Make room for what comes."""
        while (self.used + _SLACK) * WORDS > self.cells.shape[0]:
            self.cells = _enlarged(self.cells, np.uint64)
        while self.text_used + _TEXT_SLACK > self.texts.shape[0]:
            self.texts = _enlarged(self.texts, np.uint8)
        while self.flow_count + 1 > self.flows.shape[0]:
            self.flows = _enlarged(self.flows, np.uint32)
        while 2 * self.flow_count + 2 > self.slots.shape[0]:
            slots = _zeros(self.slots.shape[0] * (8 if self.slots.shape[0] < 1 << 18 else 2))
            _reinsert(self.slots, slots)
            self.slots = slots
        while 2 * self.run_count + 8 > self.run_slots.shape[0]:
            slots = _zeros(self.run_slots.shape[0] * 4)
            _reinsert(self.run_slots, slots)
            self.run_slots = slots

    def tracked(self) -> tuple[int, int]:
        """Flows, and the octets that they take."""
        return self.flow_count, 8 * WORDS * self.used + self.text_used

    def forget(self) -> None:
        """Forget all flows. What the frames were stays known."""
        self.cells = _zeros(self.cells.shape[0])
        self.slots = _zeros(self.slots.shape[0])
        self.run_slots = _zeros(self.run_slots.shape[0])
        self.used = _FIRST_CELL
        self.flow_count = self.run_count = self.row_count = self.text_used = 0

    # Frames.

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _take(
        self,
        start: cython.Py_ssize_t,
        captured: cython.longlong,
        original: cython.longlong,
        time: cython.longlong,
        link: cython.int,
    ) -> cython.int:
        """Take one frame; 1 if it is odd."""
        self.frames += 1
        self.octets += original
        self._tick(time)
        if self._frame(start, start + captured, original, time, link):
            self.data_at = start
            self.captured = captured
            self.original = original
            self.time = time
            return 1
        return 0

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def _tick(self, time: cython.longlong) -> cython.int:
        """The times of a stretch, in the order of the file."""
        if not self.timed:
            self.timed = True
            self.first_time = self.last_time = self.first_frame_time = time
            self.first_timed = self.frames
        elif time < self.last_frame_time:
            self.steps_back += 1
            if self.first_step_back == 0:
                self.first_step_back = self.frames
            if self.last_frame_time - time > self.largest_step_back:
                self.largest_step_back = self.last_frame_time - time
            if time < self.first_time:
                self.first_time = time
        elif time > self.last_time:
            self.last_time = time
        self.last_frame_time = time
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _frame(
        self,
        start: cython.Py_ssize_t,
        stop: cython.Py_ssize_t,
        original: cython.longlong,
        time: cython.longlong,
        link: cython.int,
    ) -> cython.int:
        """Decode one frame and take its segment; 1 if it is odd. What is odd is told from what is plain by the tests
        of layout.py and through_dpkt.py, in their order.
        """
        usual: cython.ulonglong = 1
        at: cython.Py_ssize_t = start
        ethertype: cython.int = 0
        vlan: cython.ulonglong = 0  # plus one
        version: cython.int = 0
        family: cython.ulonglong
        # The link layer.
        if link == 1:  # Ethernet
            if at + 14 > stop:
                return 1
            ethertype = self._two(at + 12)
            at += 14
        elif link == 2:  # Linux cooked
            if at + 16 > stop:
                return 1
            ethertype = self._two(at + 14)
            at += 16
        elif link == 3:  # Linux cooked, version 2
            if at + 20 > stop:
                return 1
            ethertype = self._two(at)
            at += 20
        elif link == 4:  # NULL: the family in the byte order of the host that captured
            if at + 4 > stop:
                return 1
            family = self._number(at, False)
            if family > 65535:
                family = self._four(at)
            if family == 2:
                version = 4
            elif family == 24 or family == 28 or family == 30 or family == 10:
                version = 6
            else:
                return 1
            at += 4
        elif link == 5:  # raw IP
            if at >= stop:
                return 1
            version = self.buffer[at] >> 4
        elif link == 6:
            version = 4
        elif link == 7:
            version = 6
        else:
            return 1
        if link <= 3:
            while ethertype == 0x8100 or ethertype == 0x88A8 or ethertype == 0x9100 or ethertype == 0x9200:
                if at + 4 > stop:
                    return 1
                if vlan == 0:
                    vlan = 1 + ((self.buffer[at] & 15) << 8 | self.buffer[at + 1])
                ethertype = self._two(at + 2)
                at += 4
            if ethertype == 0x0800:
                version = 4
            elif ethertype == 0x86DD:
                version = 6
            elif ethertype == 0x0806:  # ARP
                self._count_not_ip()
                return 0
            else:
                return 1

        # The network layer.
        end: cython.longlong  # by the IP length
        protocol: cython.int
        ttl: cython.ulonglong
        ip_id: cython.ulonglong = 0  # plus one
        ecn: cython.ulonglong
        checkable: cython.bint = True
        upper: cython.Py_ssize_t
        source: cython.Py_ssize_t  # where the addresses stand
        address_octets: cython.int
        if version == 4:
            if at + 20 > stop or self.buffer[at] != 0x45:
                return 1
            end = self._two(at + 2)
            if end == 0 or (self.buffer[at + 6] & 0x3F) != 0 or self.buffer[at + 7] != 0:
                return 1
            end += at
            upper = at + 20
            if upper > end:
                return 1
            protocol = self.buffer[at + 9]
            ttl = self.buffer[at + 8]
            ip_id = 1 + self._two(at + 4)
            ecn = self.buffer[at + 1] & 3
            source = at + 12
            address_octets = 4
        elif version == 6:
            if at + 40 > stop or self.buffer[at] >> 4 != 6:
                return 1
            end = self._two(at + 4)
            if end == 0:
                return 1
            upper = at + 40
            end += upper
            protocol = self.buffer[at + 6]
            ttl = self.buffer[at + 7]
            ecn = self.buffer[at + 1] >> 4 & 3
            source = at + 8
            address_octets = 16
            while (
                protocol == 0 or protocol == 43 or protocol == 60 or protocol == 135 or protocol == 139
                or protocol == 140
            ):  # fmt: skip
                if upper + 8 > end or upper + 4 > stop:
                    return 1
                if protocol != 0:
                    checkable = False
                protocol = self.buffer[upper]
                upper += (self.buffer[upper + 1] + 1) * 8
                if upper > end:
                    return 1
        else:
            return 1
        if protocol == 17:
            if upper + 4 > stop:
                return 1
            if self.udp_tunnel[self._two(upper)] or self.udp_tunnel[self._two(upper + 2)]:
                return 1
            self._count_not_tcp()
            return 0
        if protocol != 6:
            return 1

        # TCP.
        data_offset: cython.int
        options_length: cython.ulonglong
        unseen: cython.ulonglong = 0
        if end - upper < 20 or upper + 20 > stop:
            return 1
        data_offset = (self.buffer[upper + 12] >> 4) * 4
        if data_offset < 20 or upper + data_offset > end:
            return 1
        options_length = data_offset - 20
        if upper + data_offset > stop:
            unseen = 2  # OPTIONS_UNSEEN
            options_length = stop - upper - 20
        flags: cython.ulonglong = (self.buffer[upper + 12] & 15) << 8 | self.buffer[upper + 13]
        checksum: cython.ulonglong = 0
        if flags & 2 and checkable and stop >= end:
            checksum = self._checksum(source, address_octets, upper, end)
        self.segments += 1
        if unseen:
            self.cut_segments += 1
            if self.first_cut == 0:
                self.first_cut = self.frames

        if self.windowed and not self._is_wanted(time, source, address_octets, upper):
            self.filtered += 1
            return 0

        # The row.
        w0: cython.ulonglong = self.bias
        if time < 0:
            w0 -= -time
        else:
            w0 += time
        w1: cython.ulonglong = self.frames
        w2: cython.ulonglong = self._eight(upper + 4)
        w3: cython.ulonglong = end - upper - data_offset
        w3 = w3 << 32 | self._two(upper + 14) << 16 | flags
        w4: cython.ulonglong = ttl | ip_id << 8 | vlan << 25
        w5: cython.ulonglong = 0
        options: cython.Py_ssize_t = upper + 20
        index: cython.Py_ssize_t
        w1 |= checksum << 42 | unseen << 44 | ecn << 46 | options_length << 56
        if (
            options_length == 12 and self.buffer[options] == 1 and self.buffer[options + 1] == 1
            and self.buffer[options + 2] == 8 and self.buffer[options + 3] == 10
        ):  # fmt: skip
            w1 |= usual << 62  # the usual timestamps, in the word itself
            w5 = self._eight(options + 4)
        elif options_length:
            w5 = self.text_used
            for index in range(options_length):
                self.texts[self.text_used + index] = self.buffer[options + index]
            self.text_used += options_length

        # The flow.
        ports: cython.ulonglong
        both: cython.ulonglong = self._four(upper)
        src_port: cython.ulonglong = both >> 16
        dst_port: cython.ulonglong = both & 0xFFFF
        k0: cython.ulonglong = 0
        k1: cython.ulonglong = 0
        k2: cython.ulonglong = 0
        k3: cython.ulonglong = 0
        other: cython.ulonglong
        side: cython.ulonglong = 0
        flow: cython.Py_ssize_t
        if version == 4:
            k0 = self._eight(source)
            other = k0 >> 32
            if other > _low(k0) or (other == _low(k0) and src_port > dst_port):
                side = 1
                k0 = _low(k0) << 32 | other
        else:
            k0 = self._eight(source)
            k1 = self._eight(source + 8)
            k2 = self._eight(source + 16)
            k3 = self._eight(source + 24)
            if k0 > k2 or (k0 == k2 and (k1 > k3 or (k1 == k3 and src_port > dst_port))):
                side = 1
                k0, k2 = k2, k0
                k1, k3 = k3, k1
        ports = dst_port << 48 | src_port << 32 if side else src_port << 48 | dst_port << 32
        flow = self._flow(k0, k1, k2, k3, ports, version == 6, 0)
        self.cells[0] = w0
        self.cells[1] = w1 | side << 40
        self.cells[2] = w2
        self.cells[3] = w3
        self.cells[4] = w4
        self.cells[5] = w5
        return self._push(flow)

    # Numbers in the octets at hand: one check of the bounds stands for all octets of each. What raises is too large to
    # be put where it is called, so they only note that they would have: _let_go raises.

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.boundscheck(False)
    @cython.exceptval(check=False)
    def _two(self, at: cython.Py_ssize_t) -> cython.ulonglong:
        """The number in two octets, the greater one first."""
        number: cython.ulonglong
        if at < 0 or at + 2 > self.buffer.shape[0]:
            self.beyond = True
            return 0
        number = self.buffer[at]
        return number << 8 | self.buffer[at + 1]

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.boundscheck(False)
    @cython.exceptval(check=False)
    def _four(self, at: cython.Py_ssize_t) -> cython.ulonglong:
        """The number in four octets, the greatest first."""
        number: cython.ulonglong
        if at < 0 or at + 4 > self.buffer.shape[0]:
            self.beyond = True
            return 0
        number = self.buffer[at]
        number = number << 8 | self.buffer[at + 1]
        number = number << 8 | self.buffer[at + 2]
        return number << 8 | self.buffer[at + 3]

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.boundscheck(False)
    @cython.exceptval(check=False)
    def _eight(self, at: cython.Py_ssize_t) -> cython.ulonglong:
        """The number in eight octets, the greatest first."""
        number: cython.ulonglong
        if at < 0 or at + 8 > self.buffer.shape[0]:
            self.beyond = True
            return 0
        number = self.buffer[at]
        number = number << 8 | self.buffer[at + 1]
        number = number << 8 | self.buffer[at + 2]
        number = number << 8 | self.buffer[at + 3]
        number = number << 8 | self.buffer[at + 4]
        number = number << 8 | self.buffer[at + 5]
        number = number << 8 | self.buffer[at + 6]
        return number << 8 | self.buffer[at + 7]

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.boundscheck(False)
    @cython.exceptval(check=False)
    def _number(self, at: cython.Py_ssize_t, big_endian: cython.bint) -> cython.ulonglong:
        """The number in four octets, in either order."""
        number: cython.ulonglong
        if big_endian:
            return self._four(at)
        if at < 0 or at + 4 > self.buffer.shape[0]:
            self.beyond = True
            return 0
        number = self.buffer[at + 3]
        number = number << 8 | self.buffer[at + 2]
        number = number << 8 | self.buffer[at + 1]
        return number << 8 | self.buffer[at]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _count_not_ip(self) -> cython.int:
        self.not_ip += 1
        if self.first_not_ip == 0:
            self.first_not_ip = self.frames
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _count_not_tcp(self) -> cython.int:
        self.not_tcp += 1
        if self.first_not_tcp == 0:
            self.first_not_tcp = self.frames
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=True)
    def _checksum(
        self,
        source: cython.Py_ssize_t,
        address_octets: cython.int,
        upper: cython.Py_ssize_t,
        end: cython.Py_ssize_t,
    ) -> cython.ulonglong:
        """GOOD (1), BAD (2) or PARTIAL (3), as in through_dpkt.py."""
        b1: cython.ulonglong = 1 << 8
        at: cython.Py_ssize_t
        rest: cython.Py_ssize_t = upper + (end - upper) // 8 * 8
        number: cython.ulonglong
        total: cython.ulonglong = (end - upper) + 6
        partial: cython.ulonglong
        # The sum of numbers of 32 bits is folded to the same as that of their halves.
        for at in range(source, source + 2 * address_octets, 8):
            number = self._eight(at)
            total += (number >> 32) + _low(number)
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        partial = total
        for at in range(upper, rest, 8):
            number = self._eight(at)
            total += (number >> 32) + _low(number)
        for at in range(rest, end - 1, 2):
            total += self._two(at)
        if (end - upper) & 1:
            total += self.buffer[end - 1] * b1
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        if total == 0xFFFF:
            return 1
        return 3 if self._two(upper + 16) == partial else 2

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _is_wanted(
        self,
        time: cython.longlong,
        source: cython.Py_ssize_t,
        address_octets: cython.int,
        upper: cython.Py_ssize_t,
    ) -> cython.bint:
        """window.Window.holds."""
        after: cython.longlong = time - self.first_frame_time
        at: cython.Py_ssize_t
        side: cython.Py_ssize_t
        index: cython.Py_ssize_t
        high: cython.ulonglong
        low: cython.ulonglong
        wide: cython.ulonglong = address_octets == 16
        if time < self.since or time > self.until or after < self.since_start or after > self.until_start:
            return False
        if self.ports.shape[0] > 0 and not (self.ports[self._two(upper)] or self.ports[self._two(upper + 2)]):
            return False
        if self.networks.shape[0] == 0:
            return True
        for side in range(2):
            at = source + side * address_octets
            high = low = 0
            for index in range(address_octets):
                if wide and index < 8:
                    high = high << 8 | self.buffer[at + index]
                else:
                    low = low << 8 | self.buffer[at + index]
            for index in range(0, self.networks.shape[0], 5):
                if (
                    self.networks[index] == wide
                    and (high & self.networks[index + 3]) == self.networks[index + 1]
                    and (low & self.networks[index + 4]) == self.networks[index + 2]
                ):
                    return True
        return False

    # Flows.

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1, check=True)
    def _flow_hash(
        self,
        k0: cython.ulonglong,
        k1: cython.ulonglong,
        k2: cython.ulonglong,
        k3: cython.ulonglong,
        ports: cython.ulonglong,
        wide: cython.bint,
        tenant: cython.ulonglong,
    ) -> cython.ulonglong:
        all_ones: cython.ulonglong = 0xFFFFFF
        hash: cython.ulonglong = k0 ^ self.seeds[0]
        all_ones = all_ones << 40 | all_ones << 16 | 0xFFFF
        hash = (hash * self.seeds[1]) & all_ones
        hash ^= hash >> 31
        if wide:
            hash = ((hash ^ k1) * self.seeds[2]) & all_ones
            hash ^= hash >> 32
            hash = ((hash ^ k2) * self.seeds[1]) & all_ones
            hash ^= hash >> 31
            hash = ((hash ^ k3) * self.seeds[2]) & all_ones
            hash ^= hash >> 32
            hash = ((hash ^ tenant) * self.seeds[1]) & all_ones
            hash ^= hash >> 31
        hash = ((hash ^ ports) * self.seeds[3]) & all_ones
        hash ^= hash >> 29
        hash = (hash * self.seeds[2]) & all_ones
        return hash >> 32

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def _known_flow(
        self,
        hash: cython.ulonglong,
        k0: cython.ulonglong,
        k1: cython.ulonglong,
        k2: cython.ulonglong,
        k3: cython.ulonglong,
        ports: cython.ulonglong,
        wide: cython.bint,
        tenant: cython.ulonglong,
    ) -> cython.Py_ssize_t:
        """The cell of the flow with this key, 0 if there is none."""
        mask: cython.ulonglong = self.slots.shape[0] - 1
        place: cython.ulonglong = hash & mask
        slot: cython.ulonglong
        cell: cython.Py_ssize_t
        key: cython.Py_ssize_t
        while True:
            slot = self.slots[place]
            if slot == 0:
                return 0
            if slot >> 32 == hash:
                cell = _low(slot) * 8
                if self.cells[cell + 1] >> 32 == ports >> 32:
                    if not wide:
                        if self.cells[cell] == k0 and (self.cells[cell + 1] & 1) == 0:
                            return cell
                    elif self.cells[cell + 1] & 1:
                        key = self.cells[cell] * 8
                        if (
                            self.cells[key] == k0 and self.cells[key + 1] == k1 and self.cells[key + 2] == k2
                            and self.cells[key + 3] == k3 and self.cells[key + 4] == tenant
                        ):  # fmt: skip
                            return cell
            place = (place + 1) & mask

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _flow(
        self,
        k0: cython.ulonglong,
        k1: cython.ulonglong,
        k2: cython.ulonglong,
        k3: cython.ulonglong,
        ports: cython.ulonglong,  # low << 48 | high << 32
        wide: cython.bint,  # the key has a cell of its own
        tenant: cython.ulonglong,
    ) -> cython.Py_ssize_t:
        """The cell of the flow with this key, a new one if there is none."""
        mask: cython.ulonglong = self.slots.shape[0] - 1
        hash: cython.ulonglong = self._flow_hash(k0, k1, k2, k3, ports, wide, tenant)
        place: cython.ulonglong = hash & mask
        cell: cython.Py_ssize_t = self._known_flow(hash, k0, k1, k2, k3, ports, wide, tenant)
        key: cython.Py_ssize_t
        if cell:
            return cell
        while self.slots[place]:
            place = (place + 1) & mask
        cell = self.used * 8
        self.slots[place] = hash << 32 | self.used
        self.flows[self.flow_count] = self.used
        self.flow_count += 1
        self.used += 1
        self.cells[cell] = k0
        self.cells[cell + 1] = ports
        if wide:
            key = self.used * 8
            self.cells[cell] = self.used
            self.cells[cell + 1] = ports | 1
            self.used += 1
            self.cells[key] = k0
            self.cells[key + 1] = k1
            self.cells[key + 2] = k2
            self.cells[key + 3] = k3
            self.cells[key + 4] = tenant
        return cell

    # Rows of a flow. Cell 0 is the row that has just come, not yet kept; word 6 of it is 0, but where it comes from the
    # table of a later stretch, and something was folded into it there. Words of a flow, each of two halves: 2 newest
    # row, first run; 3 second run, last close of side 0; 4 last close of side 1, tail of side 0; 5 tail of side 1,
    # fourth row of side 0; 6 fourth row of side 1; 7, whole, the latest time. Bits 4 to 6 and 8 to 10 of word 1 count
    # the other segments of each side: FOUR, and one more for a tail.

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _push(self, flow: cython.Py_ssize_t) -> cython.int:
        """The keep rule of select.py for the row that has come."""
        one: cython.ulonglong = 1
        flags: cython.ulonglong = self.cells[3] & 0xFFF
        side: cython.ulonglong = self.cells[1] >> 40 & 1
        shift: cython.ulonglong = 4 + 4 * side
        count: cython.ulonglong
        row: cython.Py_ssize_t
        if self.cells[0] > self.cells[flow + 7]:
            self.cells[flow + 7] = self.cells[0]
        if self.cells[1] >> 41 & 1:
            return self._push_error(flow)
        if flags & 0x6 == 0x2:  # SYN without RST
            return self._push_syn(flow)
        if flags & 0x5:  # FIN or RST
            return self._push_close(flow, side)
        count = self.cells[flow + 1] >> shift & 7
        if count == 5:
            row = self._tail(flow, side)
            self._absorb(row + 8, row)
            return self._write(row)
        if count == 4:
            row = self._new_tail(self._fourth(flow, side))
            self._set_tail(flow, side, row)
        else:
            row = self._keep(flow)
            if count == 3:
                self._set_fourth(flow, side, row)
        self.cells[flow + 1] += one << shift
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _push_syn(self, flow: cython.Py_ssize_t) -> cython.int:
        one: cython.ulonglong = 1
        first: cython.Py_ssize_t = _low(self.cells[flow + 2]) * 8
        second: cython.Py_ssize_t = (self.cells[flow + 3] >> 32) * 8
        run: cython.Py_ssize_t
        row: cython.Py_ssize_t
        known: cython.ulonglong
        count: cython.ulonglong
        # A run of one row is the flow's first or second, or has a cell like every longer one.
        if first == 0 or (second == 0 and not self._same_run(first)):
            known = self._keep_syn(flow) >> 3
            if first == 0:
                self.cells[flow + 2] |= known
            else:
                self.cells[flow + 3] |= known << 32
            return 0
        run = self._find_run(flow)
        if run == 0:
            if self._same_run(first):
                run = self._new_run(flow, first)
            elif second != 0 and self._same_run(second):
                run = self._new_run(flow, second)
            else:
                self._new_run(flow, self._keep_syn(flow))
                return 0
        count = self.cells[run + 2] >> 32
        if count > 12:
            row = self.cells[run + 3] * 8
            self._absorb(row + 8, row)
            return self._write(row)
        if count < 12:
            known = self._keep_syn(flow) >> 3
            self.cells[run + 2] = (count + 1) << 32 | known
        else:
            row = self._new_tail(_low(self.cells[run + 2]) * 8)
            known = row >> 3
            self.cells[run + 3] = known
            self.cells[run + 2] += one << 32
            self._link(flow, row)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _push_close(self, flow: cython.Py_ssize_t, side: cython.ulonglong) -> cython.int:
        last: cython.Py_ssize_t = (self.cells[flow + 4] >> 32 if side else _low(self.cells[flow + 3])) * 8
        known: cython.ulonglong
        if last and self._same_close(last):
            return self._fold_into(last)
        known = self._keep(flow) >> 3
        if side:
            self.cells[flow + 4] = _low(self.cells[flow + 4]) | known << 32
        else:
            self.cells[flow + 3] = self.cells[flow + 3] >> 32 << 32 | known
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _push_error(self, flow: cython.Py_ssize_t) -> cython.int:
        run: cython.Py_ssize_t = self._find_run(flow)
        if run:
            return self._fold_into(_low(self.cells[run + 2]) * 8)
        self._new_run(flow, self._keep(flow))
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _keep_syn(self, flow: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Keep a SYN or SYN-ACK: behind it the other segments and the closes of both sides are counted anew."""
        self._reset(flow)
        return self._keep(flow)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _reset(self, flow: cython.Py_ssize_t) -> cython.int:
        """A kept SYN or SYN-ACK: the other segments and the closes of both sides are counted anew."""
        side: cython.ulonglong
        for side in range(2):
            if (self.cells[flow + 1] >> (4 + 4 * side) & 7) == 5:
                self._link(flow, self._tail(flow, side))
        self.cells[flow + 1] = self.cells[flow + 1] >> 32 << 32 | (self.cells[flow + 1] & 1)
        self.cells[flow + 3] = self.cells[flow + 3] >> 32 << 32
        self.cells[flow + 4] = _low(self.cells[flow + 4])
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _keep(self, flow: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """A new row of the flow: the one that has come."""
        row: cython.Py_ssize_t = self.used * 8
        self.used += 1
        self.row_count += 1
        self.cells[row + 6] = 0
        self._write(row)
        self._link(flow, row)
        return row

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def _write(self, row: cython.Py_ssize_t) -> cython.int:
        """Make this row the one that has come."""
        word: cython.Py_ssize_t
        for word in range(6):
            self.cells[row + word] = self.cells[word]
        self.cells[row + 6] = self.cells[6] | _low(self.cells[row + 6])
        return 0

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def _link(self, flow: cython.Py_ssize_t, row: cython.Py_ssize_t) -> cython.int:
        """Put the row at the head of the flow's chain (word 6: fold, the next older row)."""
        known: cython.ulonglong = row >> 3
        self.cells[row + 6] = self.cells[row + 6] >> 32 << 32 | self.cells[flow + 2] >> 32
        self.cells[flow + 2] = known << 32 | _low(self.cells[flow + 2])
        return 0

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def _tail(self, flow: cython.Py_ssize_t, side: cython.ulonglong) -> cython.Py_ssize_t:
        return _low(self.cells[flow + 5] >> 32 if side else self.cells[flow + 4]) * 8

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def _set_tail(self, flow: cython.Py_ssize_t, side: cython.ulonglong, tail: cython.Py_ssize_t) -> cython.int:
        known: cython.ulonglong = tail >> 3
        if side:
            self.cells[flow + 5] = _low(self.cells[flow + 5]) | known << 32
        else:
            self.cells[flow + 4] = self.cells[flow + 4] >> 32 << 32 | known
        return 0

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def _fourth(self, flow: cython.Py_ssize_t, side: cython.ulonglong) -> cython.Py_ssize_t:
        return _low(self.cells[flow + 6] >> 32 if side else self.cells[flow + 5]) * 8

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1)
    def _set_fourth(self, flow: cython.Py_ssize_t, side: cython.ulonglong, row: cython.Py_ssize_t) -> cython.int:
        known: cython.ulonglong = row >> 3
        if side:
            self.cells[flow + 6] = known << 32
        else:
            self.cells[flow + 5] = self.cells[flow + 5] >> 32 << 32 | known
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _new_tail(self, base: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Two cells side by side: the last row of a run, and the fold of the row that takes in the ones before it."""
        tail: cython.Py_ssize_t = self.used * 8
        self.used += 2
        self.row_count += 1
        self.cells[tail + 6] = 0
        self._write(tail)
        self._begin_fold(tail + 8, base)
        return tail

    # Folding. Words of a fold: 0 count, signs; 1 octets; 2 until; 3 end, ack; 4 least + 2^31, largest; 5 TSval + 1;
    # of the row that it belongs to: 6 its end, its ack; 7 its TSval + 1.

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _begin_fold(self, fold: cython.Py_ssize_t, base: cython.Py_ssize_t) -> cython.int:
        """A fold for a row; if it came with one, with what is in that."""
        far: cython.ulonglong = 1 << 30
        known: cython.ulonglong = fold >> 3
        own: cython.Py_ssize_t = (self.cells[base + 6] >> 32) * 8
        word: cython.Py_ssize_t
        half: cython.ulonglong = 1
        half <<= 31
        self.cells[fold] = 0
        self.cells[fold + 1] = 0
        self.cells[fold + 2] = self.cells[base]
        self.cells[fold + 3] = 0
        self.cells[fold + 4] = (far + half) << 32
        self.cells[fold + 5] = 0
        self.cells[fold + 6] = self._end(base) << 32 | _low(self.cells[base + 2])
        self._scan(base)
        self.cells[fold + 7] = self.found_tsval + 1
        self.cells[base + 6] = known << 32 | _low(self.cells[base + 6])
        if own:
            for word in range(6):
                self.cells[fold + word] = self.cells[own + word]
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _fold_into(self, base: cython.Py_ssize_t) -> cython.int:
        """Fold the row that has come into one that is kept."""
        fold: cython.Py_ssize_t = (self.cells[base + 6] >> 32) * 8
        if fold == 0:
            fold = self.used * 8
            self.used += 1
            self._begin_fold(fold, base)
        return self._absorb(fold, 0)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _absorb(self, fold: cython.Py_ssize_t, row: cython.Py_ssize_t) -> cython.int:
        """Fold a row into another one: select.Kept.absorb."""
        far: cython.longlong = 1 << 30
        half: cython.longlong = far * 2
        whole: cython.longlong = half * 2 - 1
        word: cython.ulonglong = self.cells[fold]
        signs: cython.ulonglong = word & 0xFF
        folded: cython.ulonglong = word >> 32
        base_end: cython.longlong = self.cells[fold + 6] >> 32
        base_ack: cython.longlong = _low(self.cells[fold + 6])
        seq: cython.longlong = self.cells[row + 2] >> 32
        ack: cython.longlong = _low(self.cells[row + 2])
        payload: cython.longlong = self.cells[row + 3] >> 32
        reach: cython.longlong = self.cells[fold + 3] >> 32
        acked: cython.longlong = _low(self.cells[fold + 3])
        least: cython.longlong = self.cells[fold + 4] >> 32
        largest: cython.longlong = _low(self.cells[fold + 4])
        before: cython.longlong = self.cells[fold + 5] if folded else self.cells[fold + 7]
        distance: cython.longlong
        tsval: cython.longlong
        least -= half
        if self.cells[row + 1] >> 62 & 1:
            tsval = self.cells[row + 5] >> 32
        else:
            self._scan(row)
            tsval = self.found_tsval
            if self.found_sack:
                signs |= 4  # WITH_SACK
        if tsval < 0:
            if not self.cells[row + 1] >> 44 & 2:
                signs |= 1  # WITHOUT_TIMESTAMP
        elif before and ((tsval - (before - 1) + half) & whole) < half:
            signs |= 2  # TSVAL_BACK
        # Distances from the end of the row that takes it in.
        distance = ((seq - base_end + half) & whole) - half if payload else far
        if distance > far:
            distance = far
        if distance < -far:
            distance = -far
        if distance < reach:
            signs |= 8  # REPEATED
        if distance < least:
            least = distance
        distance = self._end(row)
        distance = ((distance - base_end + half) & whole) - half
        if distance > far:
            distance = far
        if distance > reach:
            reach = distance
        distance = ((ack - base_ack + half) & whole) - half
        if distance > far:
            distance = far
        if distance > acked:
            acked = distance
        if payload > largest:
            largest = payload
        self.cells[fold] = (folded + 1) << 32 | signs
        self.cells[fold + 1] += payload
        if self.cells[row] > self.cells[fold + 2]:
            self.cells[fold + 2] = self.cells[row]
        word = reach
        self.cells[fold + 3] = word << 32 | acked
        word = least + half
        self.cells[fold + 4] = word << 32 | largest
        self.cells[fold + 5] = tsval + 1
        if self.cells[row + 6] >> 32:
            self._absorb_fold(fold, row)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _absorb_fold(self, fold: cython.Py_ssize_t, row: cython.Py_ssize_t) -> cython.int:
        """Fold in also what had been folded into the row that was."""
        far: cython.longlong = 1 << 30
        half: cython.longlong = far * 2
        whole: cython.longlong = half * 2 - 1
        own: cython.Py_ssize_t = (self.cells[row + 6] >> 32) * 8
        # The distances in it are from the end and the ack of the row.
        step: cython.longlong = self._end(row)
        further: cython.longlong = _low(self.cells[row + 2])
        reach: cython.longlong = self.cells[fold + 3] >> 32
        acked: cython.longlong = _low(self.cells[fold + 3])
        least: cython.longlong = self.cells[fold + 4] >> 32
        largest: cython.longlong = _low(self.cells[fold + 4])
        other: cython.longlong
        word: cython.ulonglong
        other = self.cells[fold + 6] >> 32
        step = ((step - other + half) & whole) - half
        other = _low(self.cells[fold + 6])
        further = ((further - other + half) & whole) - half
        least -= half
        word = self.cells[fold] + (self.cells[own] >> 32 << 32)
        word |= self.cells[own] & 0xFF
        other = self.cells[own + 4] >> 32
        other -= half
        if other < far:
            other += step
            if other < -far:
                other = -far
            if other < reach:
                word |= 8  # REPEATED
            if other < least:
                least = other
        other = self.cells[own + 3] >> 32
        other += step
        if other > far:
            other = far
        if other > reach:
            reach = other
        other = _low(self.cells[own + 3])
        other += further
        if other > far:
            other = far
        if other > acked:
            acked = other
        other = _low(self.cells[own + 4])
        if other > largest:
            largest = other
        self.cells[fold] = word
        self.cells[fold + 1] += self.cells[own + 1]
        if self.cells[own + 2] > self.cells[fold + 2]:
            self.cells[fold + 2] = self.cells[own + 2]
        word = reach
        self.cells[fold + 3] = word << 32 | acked
        word = least + half
        self.cells[fold + 4] = word << 32 | largest
        self.cells[fold + 5] = self.cells[own + 5]
        return 0

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1, check=True)
    def _end(self, row: cython.Py_ssize_t) -> cython.ulonglong:
        """select.end_of: the sequence number after the segment."""
        w3: cython.ulonglong = self.cells[row + 3]
        return _low((self.cells[row + 2] >> 32) + (w3 >> 32) + (w3 >> 1 & 1) + (w3 & 1))

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _scan(self, row: cython.Py_ssize_t) -> cython.int:
        """TSval of a row's options (-1: none) and whether there are SACK blocks: select.tsval_of, parse_options."""
        w1: cython.ulonglong = self.cells[row + 1]
        length: cython.Py_ssize_t = w1 >> 56 & 0x3F
        at: cython.Py_ssize_t
        stop: cython.Py_ssize_t
        size: cython.Py_ssize_t
        kind: cython.int
        b1: cython.longlong = 1 << 8
        b2: cython.longlong = 1 << 16
        b3: cython.longlong = 1 << 24
        usual: cython.bint
        self.found_tsval = -1
        self.found_sack = False
        if w1 >> 62 & 1:
            self.found_tsval = self.cells[row + 5] >> 32
            return 0
        if length == 0:
            return 0
        at = self.cells[row + 5]
        stop = at + length
        usual = (
            length >= 4 and self.texts[at] == 1 and self.texts[at + 1] == 1
            and self.texts[at + 2] == 8 and self.texts[at + 3] == 10
        )  # fmt: skip
        if usual and length >= 12:
            self.found_tsval = (
                self.texts[at + 4] * b3 + self.texts[at + 5] * b2 + self.texts[at + 6] * b1 + self.texts[at + 7]
            )
        while at < stop:
            kind = self.texts[at]
            if kind == 1:
                at += 1
                continue
            if kind == 0 or at + 1 == stop:
                break
            size = self.texts[at + 1]
            if size < 2 or size > stop - at:
                break
            if kind == 8 and size == 10 and not usual:
                self.found_tsval = (
                    self.texts[at + 2] * b3 + self.texts[at + 3] * b2 + self.texts[at + 4] * b1 + self.texts[at + 5]
                )
            elif kind == 5 and (size == 10 or size == 18 or size == 26 or size == 34):
                self.found_sack = True
            at += size
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _same_options(self, row: cython.Py_ssize_t) -> cython.bint:
        """Whether a row has the options of the one that has come."""
        index: cython.Py_ssize_t
        at: cython.Py_ssize_t
        other: cython.Py_ssize_t
        if self.cells[row + 1] >> 56 != self.cells[1] >> 56:  # length, and whether they are the usual timestamps
            return False
        if self.cells[1] >> 62 & 1:
            return self.cells[row + 5] == self.cells[5]
        at = self.cells[row + 5]
        other = self.cells[5]
        for index in range(self.cells[1] >> 56 & 0x3F):
            if self.texts[at + index] != self.texts[other + index]:
                return False
        return True

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _same_close(self, row: cython.Py_ssize_t) -> cython.bint:
        """select._same_close: flags, seq, ack, payload length, options. The window may differ."""
        return (
            self.cells[row + 2] == self.cells[2]
            and self.cells[row + 3] >> 32 == self.cells[3] >> 32
            and (self.cells[row + 3] & 0xFFF) == (self.cells[3] & 0xFFF)
            and self._same_options(row)
        )

    # Runs: the rows of one SYN (or SYN-ACK, or ICMP error) and its repeats. Words of a run: 0 flow, seq; 1 ack, kind; 2
    # count, last kept row; 3 tail.

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(-1, check=True)
    def _kind(self, row: cython.Py_ssize_t) -> cython.ulonglong:
        """What tells runs apart besides their numbers: side, SYN or SYN-ACK or ICMP error."""
        header: cython.ulonglong = self.cells[row + 1]
        return 1 + (header >> 40 & 1) + 2 * (self.cells[row + 3] >> 4 & 1) + 4 * (header >> 41 & 1)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _same_run(self, row: cython.Py_ssize_t) -> cython.bint:
        """Whether the SYN or SYN-ACK that has come repeats this one."""
        if self._kind(row) != self._kind(0):
            return False
        if self.cells[3] & 16:
            return self.cells[row + 2] == self.cells[2]
        return self.cells[row + 2] >> 32 == self.cells[2] >> 32

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=True)
    def _run_numbers(self) -> cython.ulonglong:
        """Word 1 of the run of the row that has come: a SYN without ACK acknowledges nothing.

        Of an ICMP error it holds a digest of the reporter's address besides: there may be many for one segment.
        """
        numbers: cython.ulonglong = self._kind(0)
        digest: cython.ulonglong = 0
        index: cython.Py_ssize_t
        if self.cells[1] >> 41 & 1:
            for index in range(self.cells[1] >> 56 & 0x3F):
                digest = _low((digest ^ self.texts[self.cells[5] + index]) * _low(self.seeds[3]))
            numbers |= digest >> 4 << 4
        elif not self.cells[3] >> 4 & 1:
            return numbers
        return numbers | _low(self.cells[2]) << 32

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=True)
    def _run_hash(self, a: cython.ulonglong, b: cython.ulonglong) -> cython.ulonglong:
        all_ones: cython.ulonglong = 0xFFFFFF
        all_ones = all_ones << 40 | all_ones << 16 | 0xFFFF
        hash: cython.ulonglong = ((a ^ self.seeds[3]) * self.seeds[2]) & all_ones
        hash ^= hash >> 30
        hash = ((hash ^ b) * self.seeds[1]) & all_ones
        hash ^= hash >> 31
        hash = (hash * self.seeds[0]) & all_ones
        return hash >> 32

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _find_run(self, flow: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """The run of the row that has come, 0 if it has none. Errors of other reporters are other runs."""
        a: cython.ulonglong = flow >> 3
        b: cython.ulonglong = self._run_numbers()
        mask: cython.ulonglong = self.run_slots.shape[0] - 1
        hash: cython.ulonglong
        place: cython.ulonglong
        slot: cython.ulonglong
        run: cython.Py_ssize_t
        by_reporter: cython.bint = self.cells[1] >> 41 & 1
        a = a << 32 | self.cells[2] >> 32
        hash = self._run_hash(a, b)
        place = hash & mask
        while True:
            slot = self.run_slots[place]
            if slot == 0:
                return 0
            if slot >> 32 == hash:
                run = _low(slot) * 8
                if (
                    self.cells[run] == a
                    and self.cells[run + 1] == b
                    and (not by_reporter or self._same_options(_low(self.cells[run + 2]) * 8))
                ):
                    return run
            place = (place + 1) & mask

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _new_run(self, flow: cython.Py_ssize_t, row: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """A run for the row that has come, of which ``row`` is the only one kept."""
        one: cython.ulonglong = 1
        a: cython.ulonglong = flow >> 3
        b: cython.ulonglong = self._run_numbers()
        known: cython.ulonglong = row >> 3
        mask: cython.ulonglong = self.run_slots.shape[0] - 1
        hash: cython.ulonglong
        place: cython.ulonglong
        run: cython.Py_ssize_t = self.used * 8
        a = a << 32 | self.cells[2] >> 32
        hash = self._run_hash(a, b)
        place = hash & mask
        while self.run_slots[place]:
            place = (place + 1) & mask
        self.run_slots[place] = hash << 32 | self.used
        self.used += 1
        self.run_count += 1
        self.cells[run] = a
        self.cells[run + 1] = b
        self.cells[run + 2] = one << 32 | known
        self.cells[run + 3] = 0
        return run

    # What comes from outside, and goes there.

    def add(
        self,
        key: tuple[int, int, int, int],
        ports: int,
        wide: bool,
        tenant: int,
        row: tuple[int, int, int, int, int],
        options: bytes,
    ) -> None:
        """Take a row that was decoded elsewhere: its flow's key as in _flow, its words 0 to 4, its options."""
        if self._is_full():
            self.make_room()
        w0, w1, w2, w3, w4 = row
        w5 = 0
        if len(options) == 12 and options.startswith(b"\x01\x01\x08\x0a"):
            w1 |= 1 << 62
            w5 = int.from_bytes(options[4:])
        elif options:
            w5 = self.text_used
            for index, octet in enumerate(options):
                self.texts[self.text_used + index] = octet
            self.text_used += len(options)
        flow = self._flow(key[0], key[1], key[2], key[3], ports, wide, tenant)
        for index, word in enumerate((w0, w1 | len(options) << 56, w2, w3, w4, w5)):
            self.cells[index] = word
        self._push(flow)

    def take_over(self, later: Table, before: cython.ulonglong) -> None:
        """Of a later stretch that ``before`` frames come before, take the flows that are known here.

        Their rows follow those that are here as their segments would have; there the flows are no longer listed, but
        still known: of several stretches the first one takes over first.
        """
        number: cython.Py_ssize_t
        left: cython.Py_ssize_t = 0
        cell: cython.Py_ssize_t
        key: cython.Py_ssize_t
        flow: cython.Py_ssize_t
        count: cython.Py_ssize_t
        index: cython.Py_ssize_t
        k0: cython.ulonglong
        k1: cython.ulonglong
        k2: cython.ulonglong
        k3: cython.ulonglong
        tenant: cython.ulonglong
        ports: cython.ulonglong
        wide: cython.bint
        flow_of: cython.uint[::1] = memoryview(np.empty(later.row_count, np.uint32))
        cell_of: cython.uint[::1] = memoryview(np.empty(later.row_count, np.uint32))
        for number in range(later.flow_count):
            cell = later.flows[number]
            cell *= 8
            ports = later.cells[cell + 1] >> 32 << 32
            wide = later.cells[cell + 1] & 1
            k0 = later.cells[cell]
            k1 = k2 = k3 = tenant = 0
            if wide:
                key = k0 * 8
                k0 = later.cells[key]
                k1 = later.cells[key + 1]
                k2 = later.cells[key + 2]
                k3 = later.cells[key + 3]
                tenant = later.cells[key + 4]
            flow = self._known_flow(
                self._flow_hash(k0, k1, k2, k3, ports, wide, tenant), k0, k1, k2, k3, ports, wide, tenant
            )
            if flow == 0:
                later.flows[left] = later.flows[number]
                left += 1
                continue
            count = later._collect(number, number + 1, flow_of, cell_of)
            for index in range(count):
                if self._is_full():
                    self.make_room()
                cell = cell_of[index]
                self._come(later, cell * 8, before)
                self._push(flow)
            self.cells[6] = 0
        later.flow_count = left

    @cython.cfunc
    def _come(self, later: Table, row: cython.Py_ssize_t, before: cython.ulonglong) -> cython.int:
        """Make a row of a later stretch, with its fold, the row that has come."""
        length: cython.Py_ssize_t = later.cells[row + 1] >> 56 & 0x3F
        fold: cython.Py_ssize_t = (later.cells[row + 6] >> 32) * 8
        known: cython.ulonglong = self.used
        text: cython.Py_ssize_t
        index: cython.Py_ssize_t
        for index in range(6):
            self.cells[index] = later.cells[row + index]
        self.cells[1] += before
        if length and not later.cells[row + 1] >> 62 & 1:
            text = later.cells[row + 5]
            self.cells[5] = self.text_used
            for index in range(length):
                self.texts[self.text_used + index] = later.texts[text + index]
            self.text_used += length
        self.cells[6] = 0
        if fold and later.cells[fold] >> 32:  # a fold may be there before anything is in it
            self.cells[6] = known << 32
            for index in range(8):
                self.cells[known * 8 + index] = later.cells[fold + index]
            self.used += 1
        return 0

    def count_frame(self, number: cython.longlong, time: object, original: cython.longlong) -> None:
        """Count a frame that the reader in Python read: its number, its time (None: it has none), its octets."""
        self.frames = number
        self.octets += original
        if time is not None:
            self._tick(time)

    def odd(self) -> tuple[int, int, int, int, int]:
        """Of the frame at which the loop stopped: where its octets start, how many of how many, time, link type."""
        return self.data_at, self.captured, self.original, self.time, self.link_type

    def stopped_because(self) -> int:
        """MORE, ODD, GROW or OTHER."""
        return self.stopped

    def frame_count(self) -> int:
        """Frames taken so far: the number of the latest."""
        return self.frames

    def first_frame_time_ns(self) -> int:
        """The time of the first frame that has one."""
        return self.first_frame_time

    def facts(self) -> dict[str, int]:
        """What the frames were: names as in stretch.CaptureFacts. Times are right only if ``timed``."""
        return {
            "frames": self.frames,
            "octets": self.octets,
            "segments": self.segments,
            "cut_segments": self.cut_segments,
            "first_cut": self.first_cut,
            "not_ip": self.not_ip,
            "first_not_ip": self.first_not_ip,
            "not_tcp": self.not_tcp,
            "first_not_tcp": self.first_not_tcp,
            "filtered": self.filtered,
            "timed": self.timed,
            "first_time": self.first_time,
            "last_time": self.last_time,
            "first_frame_time": self.first_frame_time,
            "first_timed": self.first_timed,
            "last_frame_time": self.last_frame_time,
            "steps_back": self.steps_back,
            "first_step_back": self.first_step_back,
            "largest_step_back": self.largest_step_back,
        }

    def rows_of(self, first: cython.Py_ssize_t, last: cython.Py_ssize_t) -> tuple[object, object]:
        """The rows of the flows numbered ``first`` to ``last`` (not included), by flow, then in capture order.

        Two columns of uint32: of each row the flow's number, and its cell.
        """
        flow_of = np.empty(self.row_count, np.uint32)
        cell_of = np.empty(self.row_count, np.uint32)
        count = self._collect(first, last, memoryview(flow_of), memoryview(cell_of))
        return flow_of[:count], cell_of[:count]

    @cython.cfunc
    def _collect(
        self,
        first: cython.Py_ssize_t,
        last: cython.Py_ssize_t,
        flow_of: cython.uint[::1],
        cell_of: cython.uint[::1],
    ) -> cython.Py_ssize_t:
        number: cython.Py_ssize_t
        flow: cython.Py_ssize_t
        row: cython.Py_ssize_t
        count: cython.Py_ssize_t = 0
        begin: cython.Py_ssize_t
        side: cython.ulonglong
        for number in range(first, last):
            if (number - first) % _AHEAD == 0:
                self._fetch_rows(number, min(number + _AHEAD, last))
            flow = self.flows[number]
            flow *= 8
            begin = count
            row = self.cells[flow + 2] >> 32
            while row:
                flow_of[count] = number
                cell_of[count] = row
                count += 1
                row = _low(self.cells[row * 8 + 6])
            for side in range(2):
                if (self.cells[flow + 1] >> (4 + 4 * side) & 7) == 5:
                    flow_of[count] = number
                    cell_of[count] = self._tail(flow, side) >> 3
                    count += 1
            self._sort(cell_of, begin, count)
        return count

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1)
    def _fetch_rows(self, first: cython.Py_ssize_t, last: cython.Py_ssize_t) -> cython.int:
        """Go through the rows of these flows side by side, so that they are waited for together."""
        number: cython.Py_ssize_t
        row: cython.Py_ssize_t
        for number in range(first, last):
            self.next_row[number - first] = self.cells[self.flows[number] * 8 + 2] >> 32
        for _ in range(_FEW_ROWS):
            for number in range(last - first):
                row = self.next_row[number]
                if row:
                    self.next_row[number] = _low(self.cells[row * 8 + 6])
        return 0

    @cython.cfunc
    def _sort(self, cell_of: cython.uint[::1], begin: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.int:
        """By frame. The chain has the newest first, but for a few: turned round, insertion is nearly linear."""
        low: cython.Py_ssize_t = begin
        high: cython.Py_ssize_t = end - 1
        at: cython.Py_ssize_t
        frame: cython.ulonglong
        cell: cython.uint
        while low < high:
            cell_of[low], cell_of[high] = cell_of[high], cell_of[low]
            low += 1
            high -= 1
        for low in range(begin + 1, end):
            cell = cell_of[low]
            frame = self._frame_of(cell)
            at = low
            while at > begin and self._frame_of(cell_of[at - 1]) > frame:
                cell_of[at] = cell_of[at - 1]
                at -= 1
            cell_of[at] = cell
        return 0

    def copy_rows(
        self, cell_of: cython.uint[::1], before: cython.longlong, words: cython.ulonglong[::1]
    ) -> tuple[int, int]:
        """Copy the rows in these cells; how many folds and how many octets of text they have, for copy_rest.

        ``before``: added to frames.
        """
        row: cython.Py_ssize_t
        at: cython.Py_ssize_t
        word: cython.Py_ssize_t
        ahead: cython.Py_ssize_t
        folds: cython.Py_ssize_t = 0
        texts: cython.Py_ssize_t = 0
        with cython.nogil:
            for row in range(cell_of.shape[0]):
                if row % _AHEAD == 0:
                    for ahead in range(row, min(row + _AHEAD, cell_of.shape[0])):
                        self.fetched ^= self.cells[cell_of[ahead] * 8]
                at = cell_of[row]
                at *= 8
                for word in range(7):
                    words[row * 8 + word] = self.cells[at + word]
                words[row * 8 + 1] += before
                words[row * 8 + 7] = 0
                if self.cells[at + 6] >> 32:
                    folds += 1
                if not self.cells[at + 1] >> 62 & 1:
                    texts += self.cells[at + 1] >> 56 & 0x3F
        return folds, texts

    def copy_rest(self, words: cython.ulonglong[::1], folds: cython.ulonglong[::1], texts: cython.uchar[::1]) -> None:
        """Copy folds and texts of rows that were copied, whose words say from now on where they are there."""
        row: cython.Py_ssize_t
        index: cython.Py_ssize_t
        length: cython.Py_ssize_t
        source: cython.Py_ssize_t
        known: cython.ulonglong
        fold: cython.Py_ssize_t = 0
        text: cython.Py_ssize_t = 0
        with cython.nogil:
            for row in range(0, words.shape[0], 8):
                source = words[row + 6] >> 32
                words[row + 6] = 0
                if source:
                    for index in range(8):
                        folds[fold * 8 + index] = self.cells[source * 8 + index]
                    fold += 1
                    known = fold
                    words[row + 6] = known << 32
                if not words[row + 1] >> 62 & 1:
                    length = words[row + 1] >> 56 & 0x3F
                    source = words[row + 5]
                    words[row + 5] = text
                    for index in range(length):
                        texts[text + index] = self.texts[source + index]
                    text += length

    @cython.cfunc
    @cython.inline
    def _frame_of(self, cell: cython.Py_ssize_t) -> cython.ulonglong:
        return _low_40(self.cells[cell * 8 + 1])

    def words(self) -> tuple[object, object]:
        """The cells (eight words a line), and the cells of the flows in order."""
        return np.asarray(self.cells).reshape(-1, WORDS)[: self.used], np.asarray(self.flows)[: self.flow_count]


def _enlarged(view: object, kind: object) -> memoryview:
    smaller = np.asarray(view)
    larger = _zeros(2 * len(smaller), kind)
    np.asarray(larger)[: len(smaller)] = smaller
    return larger


@cython.cfunc
def _reinsert(slots: cython.ulonglong[::1], into: cython.ulonglong[::1]) -> cython.int:
    mask: cython.ulonglong = into.shape[0] - 1
    place: cython.ulonglong
    index: cython.Py_ssize_t
    for index in range(slots.shape[0]):
        if slots[index]:
            place = slots[index] >> 32 & mask
            while into[place]:
                place = (place + 1) & mask
            into[place] = slots[index]
    return 0


def read_octets(
    words: cython.const[cython.ulonglong][::1], texts: cython.const[cython.uchar][::1], options: cython.uchar[::1]
) -> None:
    """Write the options of rows over zeros, 40 octets each. ``words`` and ``texts`` as in rows.Rows."""
    row: cython.Py_ssize_t
    octet: cython.Py_ssize_t
    start: cython.Py_ssize_t
    text: cython.Py_ssize_t
    with cython.nogil:
        for row in range(words.shape[0] >> 3):
            start = row * 40
            if words[row * 8 + 1] >> 62 & 1:  # nothing but timestamps, laid out as RFC 7323, appendix A, has them
                options[start] = options[start + 1] = 1
                options[start + 2] = 8
                options[start + 3] = 10
                for octet in range(8):
                    options[start + 4 + octet] = words[row * 8 + 5] >> (56 - 8 * octet) & 0xFF
            else:
                text = words[row * 8 + 5]
                for octet in range(words[row * 8 + 1] >> 56 & 0x3F):
                    options[start + octet] = texts[text + octet]


def ones_complement_sum(octets: bytes, start: int = 0) -> int:
    """The 16-bit one's-complement sum of ``octets`` as big-endian words (RFC 1071, section 1), not complemented.

    An odd octet at the end counts as a word padded with zero. ``start`` is the sum of what went before (below 2^32,
    folded or not), which must have been of even length.
    """
    total: cython.ulonglong = start
    even: cython.Py_ssize_t = len(octets) & ~1
    at: cython.Py_ssize_t
    for at in range(0, even, 2):
        total += octets[at] << 8 | octets[at + 1]
    if even < len(octets):
        total += octets[even] << 8
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def read_options(
    octets: cython.uchar[::1],
    sizes: cython.longlong[::1],
    complete: cython.uchar[::1],
    right: cython.uchar[::1],
    once: cython.uchar[::1],
    bits: cython.longlong[::1],
    mss: cython.int[::1],
    wscale: cython.short[::1],
    sack_permitted: cython.uchar[::1],
    tsval: cython.longlong[::1],
    tsecr: cython.longlong[::1],
    fast_open: cython.schar[::1],
    mptcp: cython.schar[::1],
    md5: cython.uchar[::1],
    ao: cython.uchar[::1],
    sack: cython.uchar[::1],
    kinds: cython.longlong[::1],
    faults: cython.schar[::1],
) -> None:
    """Read the TCP options of headers, 40 octets each, into the columns of option_columns.OptionColumns.

    ``right`` is for each kind and length whether they go together, ``once`` for each kind whether it may not come
    again, ``bits`` what stands for it in ``kinds``. Of a kind that is repeated the last counts, of MPTCP the first.
    """
    header: cython.Py_ssize_t
    start: cython.Py_ssize_t
    end: cython.Py_ssize_t
    at: cython.Py_ssize_t
    kind: cython.int
    length: cython.int
    whole: cython.bint
    four: cython.longlong
    bit: cython.ulonglong
    one: cython.ulonglong = 1
    b3: cython.longlong = 1 << 24
    seen0: cython.ulonglong
    seen1: cython.ulonglong
    seen2: cython.ulonglong
    seen3: cython.ulonglong
    with cython.nogil:
        for header in range(sizes.shape[0]):
            start = at = header * 40
            end = start + sizes[header]
            seen0 = seen1 = seen2 = seen3 = 0
            while at < end:
                kind = octets[at]
                kinds[header] |= bits[kind]
                if kind == 0:  # the end: nothing but zeros may follow
                    while at < end:
                        if octets[at]:
                            faults[header] |= 1  # MALFORMED
                        at += 1
                    break
                if kind == 1:  # no operation
                    at += 1
                    continue
                length = octets[at + 1] if end - at > 1 else 0
                if length < 2:
                    if end - at > 1 or complete[header]:
                        faults[header] |= 1
                    break
                bit = one << (kind & 63)
                if (
                    once[kind]
                    and (seen0 if kind < 64 else seen1 if kind < 128 else seen2 if kind < 192 else seen3) & bit
                ):
                    faults[header] |= 1
                if kind < 64:
                    seen0 |= bit
                elif kind < 128:
                    seen1 |= bit
                elif kind < 192:
                    seen2 |= bit
                else:
                    seen3 |= bit
                whole = length <= end - at
                if not right[kind << 8 | length]:
                    faults[header] |= 2 if kind == 34 else 1  # FAST_OPEN_LENGTH
                elif not whole:
                    if complete[header]:
                        faults[header] |= 1
                elif kind == 2:
                    mss[header] = octets[at + 2] << 8 | octets[at + 3]
                elif kind == 3:
                    wscale[header] = octets[at + 2]
                elif kind == 4:
                    sack_permitted[header] = 1
                elif kind == 5:
                    sack[header] = 1
                elif kind == 8:
                    four = octets[at + 2] * b3
                    tsval[header] = four + (octets[at + 3] << 16 | octets[at + 4] << 8 | octets[at + 5])
                    four = octets[at + 6] * b3
                    tsecr[header] = four + (octets[at + 7] << 16 | octets[at + 8] << 8 | octets[at + 9])
                elif kind == 19:
                    md5[header] = 1
                elif kind == 29:
                    ao[header] = 1
                elif kind == 30:
                    if mptcp[header] < 0:
                        mptcp[header] = at - start
                elif kind == 34:
                    fast_open[header] = length - 2
                elif kind == 253 or kind == 254:
                    # Fast Open before it had a kind of its own (RFC 7413, appendix A).
                    if length >= 4 and octets[at + 2] == 0xF9 and octets[at + 3] == 0x89:
                        fast_open[header] = length - 4
                if not whole:
                    break
                at += length
