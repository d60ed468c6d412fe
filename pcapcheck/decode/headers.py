"""dpkt's header classes, when they are first asked for, without the sixty protocols that its package brings along.

``import dpkt`` runs every protocol module that it has, which takes three times as long as the three that are wanted
here, and a fifth of the time that a small capture needs in all. So a bare package stands in its place while they are
imported, and is taken away again: whoever imports dpkt afterwards gets the whole of it, with these same classes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from dpkt.dpkt import Packet
    from dpkt.ip import IP
    from dpkt.ip6 import IP6
    from dpkt.tcp import TCP

__all__ = ["IP", "IP6", "TCP", "Packet"]

# Two threads that ask at once would take away each other's bare package.
_IMPORTING: Final = Lock()


@contextmanager
def _bare_package(name: str) -> Iterator[None]:
    """The package, found but not run, unless it is there already."""
    spec = find_spec(name)
    if name in sys.modules or spec is None:
        yield
        return
    sys.modules[name] = module_from_spec(spec)
    try:
        yield
    finally:
        del sys.modules[name]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with _IMPORTING, _bare_package("dpkt"):
        from dpkt.dpkt import Packet
        from dpkt.ip import IP
        from dpkt.ip6 import IP6
        from dpkt.tcp import TCP
    globals().update(IP=IP, IP6=IP6, TCP=TCP, Packet=Packet)  # so that this is not called again
    return globals()[name]
