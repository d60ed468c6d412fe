"""Hypothesis for all tests: no deadline (shared machines), and the same examples on every run in CI."""

import os

from hypothesis import settings

settings.register_profile("pcapcheck", deadline=None, max_examples=100, derandomize=bool(os.environ.get("CI")))
settings.load_profile("pcapcheck")
