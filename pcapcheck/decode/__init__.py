"""Frames to segments: what a frame holds, with every reason why it holds nothing."""

from __future__ import annotations

from pcapcheck.built import refuse_stale

# Here, as this package is imported before any module that is compiled.
refuse_stale()
