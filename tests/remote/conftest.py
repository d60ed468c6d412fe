"""A web server and an S3 server on loopback, and no waiting between tries."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from s3fs import S3FileSystem

from pcapcheck.capture import remote
from tests.remote.servers import Site, web_server
from tests.remote.store import Store, s3_server


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "DELAYS", (0.0,) * len(remote.DELAYS))


@pytest.fixture
def site() -> Iterator[Site]:
    with web_server() as site:
        yield site


@pytest.fixture(scope="module")
def server() -> Iterator[Store]:
    with s3_server() as store:
        yield store


@pytest.fixture
def store(server: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An S3 server, which is where the environment says that it is, with an empty bucket."""
    server.empty()
    S3FileSystem.clear_instance_cache()  # its clients know the environment that they were made in
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    return server
