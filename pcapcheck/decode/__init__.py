"""Frames to segments: what a frame holds, with every reason why it holds nothing."""
