"""Counts in which frames pcapcheck and tshark find a TCP segment: ``python tools/compare_captures.py PATH ...``.

A PATH is a capture, or a folder of captures. Of tshark's frames those are taken whose TCP is not quoted by an ICMP
error, with fragments left apart (docs/compared-with-tshark.md). The differences are printed by what tshark sees in the
frame and why pcapcheck does not judge it. Equal files are counted once. Exit code 1 where there is a difference.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # this tree's decoder, also where another is installed

from pcapcheck.capture import open_capture
from pcapcheck.decode.fragments import Fragments
from pcapcheck.decode.segment import Segment, Skip
from pcapcheck.decode.through_dpkt import decode
from pcapcheck.errors import CaptureError


def tshark_frames(path: Path) -> dict[int, str]:
    """Of each frame with TCP the protocols that tshark sees in it."""
    command = (
        *("tshark", "-n", "-r", path, "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"),
        *("-Y", "tcp && !icmp && !icmpv6", "-T", "fields", "-e", "frame.number", "-e", "frame.protocols"),
    )
    run = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    rows = (line.split("\t") for line in run.stdout.splitlines() if "\t" in line)
    return {int(number): protocols for number, protocols in rows}


def our_frames(path: Path) -> tuple[dict[int, str], dict[int, str]]:
    """Of each frame with a segment the tunnel around it; of each other frame what is in it."""
    fragments = Fragments()
    segments: dict[int, str] = {}
    others: dict[int, str] = {}
    with open_capture(str(path)) as capture:
        for frame in capture:
            found = decode(frame.link_type, frame.data, frame.original_length)
            if found is Skip.FRAGMENT:
                found = fragments.take(frame)
            if isinstance(found, Segment):
                segments[frame.number] = found.tunnel or "no tunnel"
            else:
                others[frame.number] = found.value if isinstance(found, Skip) else "an ICMP error"
    return segments, others


def main(arguments: list[str]) -> int:
    given = [Path(argument) for argument in arguments]
    paths = [path for one in given for path in (sorted(one.rglob("*")) if one.is_dir() else [one]) if path.is_file()]
    unique = list({sha256(path.read_bytes()).digest(): path for path in reversed(paths)}.values())[::-1]
    total: Counter[str] = Counter()
    differences: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    with ThreadPoolExecutor() as pool:
        for path, theirs in zip(unique, pool.map(tshark_frames, unique), strict=True):
            try:
                segments, others = our_frames(path)
            except CaptureError as error:
                total["files that cannot be read"] += 1
                if theirs:
                    differences["only tshark", next(iter(theirs.values())), str(error)].append(f"{path}: all frames")
                continue
            total["files"] += 1
            total["frames"] += len(segments) + len(others)
            total["segments"] += len(segments)
            total["files with a difference"] += segments.keys() != theirs.keys()
            for number in sorted(theirs.keys() - segments.keys()):
                reason = others.get(number, "not read")
                differences["only tshark", theirs[number], reason].append(f"{path}: frame {number}")
            for number in sorted(segments.keys() - theirs.keys()):
                differences["only pcapcheck", segments[number], ""].append(f"{path}: frame {number}")
    for what, count in total.items():
        print(f"{count:>9} {what}")
    for (side, protocols, reason), where in sorted(differences.items(), key=lambda item: -len(item[1])):
        print(f"{len(where):>9} {side}: {protocols}{reason and f', {reason}'}; first {where[0]}")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
