"""Which file names a pattern fits."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcapcheck.policy.patterns import fits


@pytest.mark.parametrize(
    ("pattern", "path", "fitting"),
    [
        ("*.pcap", "a.pcap", True),
        ("*.pcap", "captures/lan/a.pcap", True),  # no slash: the name alone
        ("*.pcap", "a.pcapng", False),
        ("captures/*.pcap", "captures/a.pcap", True),
        ("captures/*.pcap", "./captures/a.pcap", True),
        ("./captures/*.pcap", "captures/a.pcap", True),
        ("captures/*.pcap", "captures/lan/a.pcap", False),
        ("captures/*.pcap", "old/captures/a.pcap", False),
        ("captures/**", "captures/lan/a.pcap", True),
        ("captures/", "captures/lan/a.pcap", True),
        ("captures/**/*.pcap", "captures/a.pcap", True),
        ("captures/**/*.pcap", "captures/x/y/a.pcap", True),
        ("**/lan/*.pcap", "captures/lan/a.pcap", True),
        ("**/lan/*.pcap", "captures/wlan/a.pcap", False),
        ("a?.pcap", "a1.pcap", True),
        ("x/a?.pcap", "x/a/.pcap", False),
        ("a[12].pcap", "a2.pcap", True),
        ("a[!12].pcap", "a2.pcap", False),
        ("a[!12].pcap", "a3.pcap", True),
        ("a[1.pcap", "a[1.pcap", True),
        ("a+(b).pcap", "a+(b).pcap", True),
        ("-", "-", True),
        ("s3://bucket/*.pcap", "s3://bucket/a.pcap", True),
    ],
)
def test_fits(pattern: str, path: str, fitting: bool) -> None:
    assert fits(path, [pattern], "") is fitting


def test_they_count_from_the_folder_of_the_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "captures").mkdir()
    monkeypatch.chdir(tmp_path / "captures")
    assert fits("a.pcap", ["captures/*.pcap"], "..")
    assert fits(str(tmp_path / "captures" / "a.pcap"), ["captures/*.pcap"], "..")
    assert not fits("a.pcap", ["captures/*.pcap"], "")
    assert fits("../b.pcap", [f"{tmp_path}/*.pcap"], "")
    assert not fits("a.pcap", [f"{tmp_path}/*.pcap"], "")
    assert fits("a.pcap", ["**"], "..")
