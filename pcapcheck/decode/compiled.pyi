# What compiled.py gives, for type checkers: Cython checks its inside.

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

COMPILED: Final[bool]
MORE: Final[int]
ODD: Final[int]
GROW: Final[int]
OTHER: Final[int]
WORDS: Final[int]
LINKS: Final[dict[int, int]]

class Table:
    def __init__(self, seed: bytes, udp_tunnels: Iterable[int], room: int = ...) -> None: ...
    def look_at(
        self,
        times: tuple[int, int, int, int],
        ports: list[int],
        networks: list[tuple[int, int, int, int, int]],
    ) -> None: ...
    def walk_pcap(
        self,
        octets: memoryview,
        position: int,
        end: int,
        big_endian: bool,
        nanoseconds: int,
        header: int,
        limit: int,
        link_type: int,
        link: int,
    ) -> int: ...
    def walk_pcapng(
        self,
        octets: memoryview,
        position: int,
        end: int,
        big_endian: bool,
        interfaces: npt.NDArray[np.int64],
        longest: int,
    ) -> int: ...
    def cells_are_full(self) -> bool: ...
    def make_room(self) -> None: ...
    def tracked(self) -> tuple[int, int]: ...
    def forget(self) -> None: ...
    def stopped_because(self) -> int: ...
    def odd(self) -> tuple[int, int, int, int, int]: ...
    def count_frame(self, number: int, time: int | None, original: int) -> None: ...
    def frame_count(self) -> int: ...
    def first_frame_time_ns(self) -> int: ...
    def facts(self) -> dict[str, int]: ...
    def add(
        self,
        key: tuple[int, int, int, int],
        ports: int,
        wide: bool,
        tenant: int,
        row: tuple[int, int, int, int, int],
        options: bytes,
    ) -> None: ...
    def take_over(self, later: Table, before: int) -> None: ...
    def rows_of(self, first: int, last: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]: ...
    def copy_rows(self, cell_of: npt.NDArray[np.uint32], before: int, words: memoryview) -> tuple[int, int]: ...
    def copy_rest(self, words: memoryview, folds: memoryview, texts: memoryview) -> None: ...
    def words(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint32]]: ...

def read_octets(words: memoryview, texts: memoryview, options: memoryview) -> None: ...
def ones_complement_sum(octets: bytes, start: int = 0) -> int: ...
def read_options(
    octets: memoryview,
    sizes: memoryview,
    complete: memoryview,
    right: memoryview,
    once: memoryview,
    bits: memoryview,
    *columns: memoryview,
) -> None: ...
