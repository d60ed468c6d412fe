"""The hosts table: what each address did, counted by hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import pcapcheck
from pcapcheck.tables import HOSTS
from pcapcheck.testing import parse_exchange

# 192.0.2.1 opens two connections (2 ms and 4 ms), is refused once, and is asked once itself, without an answer.
TRAFFIC = """
    flow a
    client 192.0.2.1:1000
    server 198.51.100.2:80
    +0      > S  0 win 1 <mss 1460>
    +.002   < S. 0 ack 1 win 1 <mss 1400>
    +.0001  > .  1 ack 1
    flow b
    client 192.0.2.1:1001
    server 198.51.100.2:443
    +1      > S  0 win 1 <mss 1460>
    +.004   < S. 0 ack 1 win 1 <mss 1360>
    +.0003  > .  1 ack 1
    flow c
    client 192.0.2.1:1002
    server 198.51.100.3:80
    +1      > S  0 win 1 <mss 1460>
    +.001   < R. 0 ack 1
    flow d
    client 203.0.113.9:5
    server 192.0.2.1:22
    +1      > S  0 win 1
    +9      > S  0 win 1
"""


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    path = tmp_path_factory.mktemp("hosts") / "x.pcap"
    parse_exchange(TRAFFIC).write_pcap(path, nanoseconds=True)
    return pcapcheck.check(path).hosts.set_index("ip")


def test_one_row_an_address(hosts: pd.DataFrame) -> None:
    assert hosts.index.tolist() == ["192.0.2.1", "198.51.100.2", "198.51.100.3", "203.0.113.9"]
    assert hosts["roles"].tolist() == ["both", "server", "server", "client"]
    assert ["ip", *hosts.columns] == list(HOSTS)


def test_counts(hosts: pd.DataFrame) -> None:
    one = hosts.loc["192.0.2.1"]
    assert (one["as_client"], one["as_client_established"], one["as_client_refused"]) == (3, 2, 1)
    assert (one["as_server"], one["as_server_unanswered"]) == (1, 1)
    assert (one["peers"], one["server_ports"]) == (3, 1)
    assert hosts.loc["198.51.100.2", "server_ports"] == 2
    for role in ("client", "server"):
        by_outcome = hosts.filter(regex=f"^as_{role}_").sum(axis="columns")
        assert by_outcome.tolist() == hosts[f"as_{role}"].tolist()


def test_times(hosts: pd.DataFrame) -> None:
    server = hosts.loc["198.51.100.2"]
    assert (server["last_time"] - server["first_time"]) == pd.Timedelta("1s")
    assert server["server_rtt_count"] == 2
    assert [server[f"server_rtt_p{percent}"] for percent in (50, 95, 99)] == [
        pd.Timedelta("2ms"), pd.Timedelta("4ms"), pd.Timedelta("4ms"),
    ]  # fmt: skip
    assert pd.isna(server["client_rtt_p50"])
    client = hosts.loc["192.0.2.1"]
    assert (client["client_rtt_count"], client["client_rtt_p50"]) == (2, pd.Timedelta("100us"))


def test_what_it_sent(hosts: pd.DataFrame) -> None:
    assert hosts["ttls"].tolist() == [[64], [64], [], [64]]
    assert hosts["offered_mss"].tolist() == [[1460], [1360, 1400], [], []]


def test_over_several_captures(tmp_path: Path) -> None:
    for name in ("a", "b"):
        parse_exchange(TRAFFIC).write_pcap(tmp_path / f"{name}.pcap")
    both = pcapcheck.check(tmp_path).hosts.set_index("ip")
    assert both["as_client"].tolist() == [6, 0, 0, 2]
    assert both.loc["198.51.100.2", "server_ports"] == 2
