"""Summaries of remote captures that are kept: known by ETag and size, and not fetched again."""

from __future__ import annotations

from pathlib import Path

import pytest

import pcapcheck
from pcapcheck import stretch
from pcapcheck.capture.address import Address
from pcapcheck.capture.content import content_of
from tests.remote.servers import Site
from tests.remote.store import Store
from tests.remote.test_web import SAMPLE


def test_on_the_web(site: Site, tmp_path: Path) -> None:
    url = site.put("/x.pcap", SAMPLE)
    first = pcapcheck.check(url, state=tmp_path)
    assert site.asked == [("/x.pcap", "")]
    assert pcapcheck.check(url, state=tmp_path).summary() == first.summary()
    assert len(site.asked) == 1
    site.put("/x.pcap", SAMPLE, tag='"two"')
    assert pcapcheck.check(url, state=tmp_path).summary() == first.summary()
    assert len(site.asked) == 2


def test_in_a_store(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = store.put("x.pcap", SAMPLE)
    first = pcapcheck.check(url, state=tmp_path)
    with monkeypatch.context() as closed:
        closed.setattr(stretch, "open_capture", None)
        assert pcapcheck.check(url, state=tmp_path).summary() == first.summary()
    store.put("x.pcap", SAMPLE[:5000])
    assert pcapcheck.check(url, state=tmp_path).capture_facts[0].frames < first.capture_facts[0].frames


def test_what_is_signed_anew_is_known(site: Site, tmp_path: Path) -> None:
    url = site.put("/x.pcap", SAMPLE)
    for number in range(3):
        pcapcheck.check(f"{url}?X-Amz-Signature={number}&X-Amz-Date={number}", state=tmp_path)
    assert len(site.asked) == 1
    for number in range(3):  # another query may be another capture
        pcapcheck.check(f"{url}?id={number}", state=tmp_path)
    assert len(site.asked) == 4


def test_what_has_no_version_is_not_kept(site: Site, tmp_path: Path) -> None:
    url = site.put("/x.pcap", SAMPLE, tag=None)
    assert content_of(Address(url)) is None
    for _ in range(2):
        assert pcapcheck.check(url, state=tmp_path).outcomes().total() == 19
    assert list(tmp_path.iterdir()) == []


def test_what_could_not_be_read_on_is_not_kept(site: Site, tmp_path: Path) -> None:
    url = site.put("/x.pcap", SAMPLE, always_drops=5000)
    assert pcapcheck.check(url, state=tmp_path).capture_facts[0].damage is not None
    assert list(tmp_path.iterdir()) == []
    site.put("/x.pcap", SAMPLE)
    assert pcapcheck.check(url, state=tmp_path).capture_facts[0].damage is None
    assert len(list(tmp_path.iterdir())) == 1
    (entry,) = tmp_path.iterdir()
    assert b"127.0.0.1" not in entry.read_bytes()  # nothing of an address is in it
