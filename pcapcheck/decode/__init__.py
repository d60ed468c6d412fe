"""Frames to segments: what a frame holds, with every reason why it holds nothing."""

from __future__ import annotations

import zlib
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from pcapcheck.errors import PcapcheckError


def refuse_stale(folder: Path) -> None:
    """Raise PcapcheckError where the compiled module in this folder was built from another compiled.py than is there.

    Only an editable installation can be like that: tools/build_backend.py notes the check sum of the source beside the
    module that it builds there.
    """
    module = folder / f"compiled{EXTENSION_SUFFIXES[0]}"
    try:
        built_from = Path(f"{module}.source").read_text()
    except OSError:
        return
    source = folder / "compiled.py"
    if built_from != str(zlib.crc32(source.read_bytes())) and module.exists():
        raise PcapcheckError(f"{module.name} was not built from the {source} that is there now: pip install -e .")


refuse_stale(Path(__file__).parent)
