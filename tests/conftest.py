"""Hypothesis for all tests: no deadline (shared machines), and the same examples on every run in CI.

``--update-golden`` writes the golden files anew; read the difference before you commit it.
"""

import os

import pytest
from hypothesis import settings

settings.register_profile("pcapcheck", deadline=None, max_examples=100, derandomize=bool(os.environ.get("CI")))
settings.load_profile("pcapcheck")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write tests/golden/* from what is printed now")
