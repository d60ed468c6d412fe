"""What the compiled modules ask of Cython, for machines that have none: its decorators do nothing then."""

from __future__ import annotations

from builtins import int as int
from collections.abc import Callable
from typing import Final, TypeVar

_Decorated = TypeVar("_Decorated")

compiled: Final = False
longlong = ulonglong = int


def cclass(decorated: _Decorated) -> _Decorated:
    return decorated


cfunc = inline = final = cclass


def exceptval(value: int | None = None, *, check: bool = True) -> Callable[[_Decorated], _Decorated]:
    return cclass


def boundscheck(on: bool) -> Callable[[_Decorated], _Decorated]:
    return cclass


def declare(kind: object, value: _Decorated) -> _Decorated:
    return value


class _Nogil:
    """``with cython.nogil:`` and ``@cython.nogil`` both."""

    def __call__(self, decorated: _Decorated) -> _Decorated:
        return decorated

    def __enter__(self) -> None: ...

    def __exit__(self, *failed: object) -> None: ...


nogil: Final = _Nogil()
