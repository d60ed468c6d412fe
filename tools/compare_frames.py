"""Sets pcapcheck's readers beside capinfos: ``python tools/compare_frames.py FOLDER``.

Every file below the folder is opened by both. Printed: how many both read, with how many frames, and each file of which
they say different things. Needs capinfos (Wireshark). Exits with 1 if a reader of ours raised, or took over 5 s of CPU
a megabyte.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pcapcheck.capture import open_capture  # noqa: E402
from pcapcheck.errors import CaptureError  # noqa: E402
from pcapcheck.stretch import summarise  # noqa: E402


def main(folder: str) -> int:
    outcomes: Counter[str] = Counter()
    frames = failures = 0
    for path in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
        begun = time.process_time()
        try:
            ours, said = _ours(path)
        except Exception as error:  # that is what is looked for
            print(f"{path}: {type(error).__name__}: {error}")
            failures += 1
            continue
        seconds = time.process_time() - begun
        if seconds > 5 * max(1.0, path.stat().st_size / 1e6):
            print(f"{path}: {seconds:.1f} s")
            failures += 1
        theirs = _capinfos(path)
        if ours is None and theirs is None:
            outcomes["neither reads"] += 1
        elif ours is not None and ours == theirs:
            outcomes["same number of frames"] += 1
            frames += ours
        else:
            outcomes["different"] += 1
            print(f"{path}: {_number(ours)} here, {_number(theirs)} there; {said}")
    print(
        ", ".join(f"{name} {count}" for name, count in outcomes.most_common())
        + f"; {frames} frames, {failures} failures"
    )
    return 1 if failures else 0


def _ours(path: Path) -> tuple[int | None, str]:
    """How many packets there are (None where the file is not read), and what is said of it."""
    packets = 0
    try:
        with open_capture(str(path)) as capture:
            for _ in capture:
                packets += 1
    except CaptureError as error:
        return None, f"needed {error.needed}, found {error.found}"
    compiled = summarise(str(path)).facts
    if (compiled.frames, compiled.damage) != (capture.frame_count, capture.damage):
        raise AssertionError(f"the compiled loop has {compiled.frames} frames, {compiled.damage}")
    damage = capture.damage
    said = f"needed {damage.needed}, found {damage.found}" if damage else "whole"
    return packets, f"{said}; link types {capture.link_types}"


def _number(count: int | None) -> str:
    return "not read" if count is None else str(count)


def _capinfos(path: Path) -> int | None:
    done = subprocess.run(["capinfos", "-T", "-m", "-r", "-c", str(path)], capture_output=True, text=True, check=False)
    found = re.search(r"(\d+)\s*$", done.stdout)
    return int(found[1]) if found else None


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
