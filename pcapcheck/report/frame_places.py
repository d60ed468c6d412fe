"""Where in its capture a frame lies: found by reading the capture once more, as far as the last frame asked for."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from pcapcheck.capture import open_capture
from pcapcheck.errors import CaptureError
from pcapcheck.stretch import CaptureFacts


class FramePlace(NamedTuple):
    """The octets of a frame in the file that holds it."""

    offset: int
    length: int


def frame_places(facts: CaptureFacts, frames: Collection[int]) -> dict[int, FramePlace]:
    """The places of these frames. Of standard input and of a compressed capture none: they say nothing of the file."""
    if facts.path == "-" or facts.compression or not frames:
        return {}
    try:
        capture = open_capture(facts.path)
    except CaptureError:  # it was there when it was judged
        return {}
    last = max(frames)
    places = {}
    with capture:
        for frame in capture:
            if frame.number in frames:
                places[frame.number] = FramePlace(capture.frame_offset, len(frame.data))
            if frame.number >= last:
                break
    return places
