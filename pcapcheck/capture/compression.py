"""Compressed captures, known by their first octets: gzip, bzip2, xz, zstd, lz4, all as streams of bounded memory."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, NamedTuple, Protocol

from pcapcheck.capture.sources import Fault, Source, StoredFile

# A capture that expands beyond both is no capture but a decompression bomb: real ones stay below 50-fold.
LARGEST_RATIO: Final = 200
ANY_RATIO_UP_TO: Final = 1 << 30

_COMPRESSED_READ: Final = 1 << 16
_GZIP_WINDOW: Final = 31  # zlib's wbits for a gzip member with its header and CRC
_XZ_MEMORY: Final = 256 << 20  # xz -9 needs 65 MiB; the format allows 4 GiB
_ZSTD_WINDOW: Final = 27  # log2; zstd's own limit without --long
# Octets that a decompressor is asked for at a time: what it had in hand when it met damage is lost.
_STEP: Final = 4096


class Decompressor(Protocol):
    """One member of a compressed file, as the bz2, lzma and zstd modules have it."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes | None: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class Codec(NamedTuple):
    """What starts a decompressor, and what that raises at damage."""

    start: Callable[[], Decompressor]
    errors: tuple[type[Exception], ...]
    step: int
    # For one that loses what it had in hand when it met damage: a slower one that loses nothing.
    careful: Codec | None = None


class Compression(NamedTuple):
    """A way to compress. ``codec`` raises ImportError where its package is missing; ``extra`` is what brings it."""

    name: str
    magic: tuple[bytes, ...]
    codec: Callable[[], Codec]
    extra: str = ""


class _Inflate:
    """A gzip member through zlib. Unlike the other decompressors it loses nothing at damage."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(_GZIP_WINDOW)
        self._waiting = b""
        self._more = False  # zlib may hold octets that the last call had no room for

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._waiting and not self._more and not self.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, most: int, /) -> bytes:
        # zlib gives nothing of a call that meets damage, however much came out before it. So each call starts from
        # a copy, and after damage calls with ever less input, then ever less output, fetch what lies before it.
        self._waiting += data
        given = len(self._waiting)
        damage: zlib.error | None = None
        while True:
            before = self._zlib.copy()
            try:
                octets = self._zlib.decompress(self._waiting[:given], most)
            except zlib.error as error:
                self._zlib, damage = before, error
                if given > 1:
                    given //= 2
                elif most > 1:
                    most //= 2
                elif given:
                    given = 0  # the bits that it has already may hold another octet
                else:
                    raise
            else:
                self._waiting = self._zlib.unconsumed_tail + self._waiting[given:]
                self._more = len(octets) == most
                if octets or not self._waiting or self.eof:
                    return octets
                if damage and not given:
                    raise damage
                given = len(self._waiting)  # so far only a header, or a part of the check sum


def _gzip() -> Codec:
    inflate = Codec(_Inflate, (zlib.error,), 1 << 20)
    try:
        isal: Any = import_module("isal.igzip_lib")  # twice as fast; a cut stream it gives to its last octet, too
    except ImportError:
        return inflate
    return Codec(lambda: isal.IgzipDecompressor(flag=isal.DECOMP_GZIP), (isal.IsalError,), 1 << 20, inflate)


def _bzip2() -> Codec:
    import bz2

    return Codec(bz2.BZ2Decompressor, (OSError,), _STEP)


def _xz() -> Codec:
    import lzma

    return Codec(lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY), (lzma.LZMAError,), _STEP)


def zstandard() -> Any:
    """Python's module for zstd."""
    return import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")


def _zstd() -> Codec:
    zstd = zstandard()
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW}
    return Codec(lambda: zstd.ZstdDecompressor(options=options), (zstd.ZstdError,), _STEP)


def _lz4() -> Codec:
    import lz4.frame

    return Codec(lz4.frame.LZ4FrameDecompressor, (RuntimeError,), _STEP)


# pzstd begins its files with a skippable frame; lz4 has the same ones, and is not known to begin with them.
_SKIPPABLE: Final = tuple(bytes((0x50 + number,)) + b"\x2a\x4d\x18" for number in range(16))

COMPRESSIONS: Final = (
    Compression("gzip", (b"\x1f\x8b",), _gzip),
    Compression("bzip2", (b"BZh",), _bzip2),
    Compression("xz", (b"\xfd7zXZ\0",), _xz),
    Compression("zstd", (b"\x28\xb5\x2f\xfd", *_SKIPPABLE), _zstd),
    Compression("lz4", (b"\x04\x22\x4d\x18",), _lz4, "lz4"),
)
_LONGEST_MAGIC: Final = max(len(magic) for compression in COMPRESSIONS for magic in compression.magic)


def compression_of(head: bytes) -> Compression | None:
    """How a file that starts with ``head`` is compressed, None if it is not."""
    return next((one for one in COMPRESSIONS if head.startswith(one.magic)), None)


class Unpacked:
    """The contents of a compressed file: several members are one stream, zero octets after the last one are padding.

    With ``bounded``, a file that expands more than LARGEST_RATIO-fold is a fault once ANY_RATIO_UP_TO octets came out.
    """

    def __init__(self, stored: Source, head: bytes, compression: Compression, *, bounded: bool = True) -> None:
        """``head`` is what was read of ``stored`` already. Raises ImportError where a package is missing."""
        self.fault: Fault | None = None
        self._stored, self._waiting, self._bounded = stored, head, bounded
        self._compression, self._codec = compression, compression.codec()
        if self._codec.careful and not (isinstance(stored, StoredFile) and stored.rewinds):
            self._codec = self._codec.careful
        self._member = self._codec.start()
        self._member_at = stored.bytes_read - len(head)  # its first octet in the file
        self._of_member = 0  # octets that it gave
        self._octets = 0  # given out so far

    @property
    def bytes_read(self) -> int:
        return self._stored.bytes_read

    @property
    def size(self) -> int | None:
        return self._stored.size

    def read(self, most: int) -> bytes:
        """All that can be had without reading more of the file, if there is any."""
        pieces: list[bytes] = []
        while self.fault is None and most > 0:
            if self._member.eof:
                if pieces or not self._next_member():
                    break
            elif not self._waiting and self._member.needs_input and (pieces or not self._feed()):
                break
            data, self._waiting = self._waiting, b""
            try:
                octets = self._member.decompress(data, min(most, self._codec.step))
            except self._codec.errors as error:
                if self._again():
                    continue
                self.fault = Fault("CAP02", f"intact {self._compression.name} data", str(error))
                break
            if octets:
                pieces.append(octets)
                most -= len(octets)
                self._of_member += len(octets)
            elif not self._member.eof and not self._member.needs_input and (pieces or not self._feed()):
                break  # nothing came of what it has: it waits for more, whatever it says
        octets = b"".join(pieces)
        self._octets += len(octets)
        if self._bounded and self._octets > max(ANY_RATIO_UP_TO, LARGEST_RATIO * self.bytes_read):
            self.fault = self.fault or self._bomb()
        return octets

    def close(self) -> None:
        self._stored.close()

    def _feed(self) -> bool:
        """Read on in the file: whether anything was there."""
        self._waiting = self._stored.read(_COMPRESSED_READ)
        if not self._waiting:
            needed = f"the rest of the {self._compression.name} data"
            cut = Fault("CAP01", needed, f"its end after {self.bytes_read} stored octets")
            self.fault = self._stored.fault or cut
        return bool(self._waiting)

    def _again(self) -> bool:
        """After damage: the member anew, up to where it is now, with the careful codec; False if that was at it."""
        careful, stored = self._codec.careful, self._stored
        if careful is None or not isinstance(stored, StoredFile) or not stored.rewind(self._member_at):
            return False
        again = Unpacked(stored, b"", self._compression._replace(codec=lambda: careful), bounded=False)
        left = self._of_member
        while left and (octets := again.read(min(left, careful.step))):
            left -= len(octets)
        self._codec, self._member, self._waiting, self.fault = careful, again._member, again._waiting, again.fault
        return True

    def _next_member(self) -> bool:
        """Start on what follows the member that ended; False at the end of the file."""
        following = (self._member.unused_data or b"").lstrip(b"\0")
        magic = self._compression.magic
        while not following.startswith(magic):
            octets = self._stored.read(_COMPRESSED_READ)
            if not octets:
                self.fault = self._stored.fault
                if following and self.fault is None:
                    self.fault = self._no_member(following)
                return False
            following = (following + octets).lstrip(b"\0")
            if len(following) >= _LONGEST_MAGIC and not following.startswith(magic):
                self.fault = self._no_member(following)
                return False
        self._member, self._waiting = self._codec.start(), following
        self._member_at, self._of_member = self._stored.bytes_read - len(following), 0
        return True

    def _no_member(self, following: bytes) -> Fault:
        name = self._compression.name
        if any(one.startswith(following) for one in self._compression.magic):
            return Fault("CAP01", f"the rest of the next {name} member", f"{len(following)} octets of it")
        return Fault("CAP02", f"another {name} member or the end", f"octets {following[:8].hex(' ')}")

    def _bomb(self) -> Fault:
        needed = f"at most {LARGEST_RATIO} octets out of each stored one (past {ANY_RATIO_UP_TO >> 30} GiB)"
        found = f"{self._octets // max(self.bytes_read, 1)}; --max-bytes sets another limit"
        return Fault("CAP02", needed, found)
