"""Where a diagnosis becomes more certain, and where it must not speak: what the examples do not show."""

from __future__ import annotations

import pytest

from pcapcheck.diagnoses import DIAGNOSES
from tests.diagnoses.causes import certainties, flows, of_exchange

SYN_TO_ACK = """
+{start} > S  0 win 64240
+.02     < S. 0 ack 1
+0       > .  1 ack 1
"""

# The tap stands beside the server: its way to the client is forty times that to the server.
AT_SERVER = """
flow near
client 192.0.2.9:50000
+0    > S  0
+.001 < S. 0 ack 1
+.04  > .  1 ack 1
+0    > P. 1:11(10) ack 1
+.001 < .  1 ack 11
"""


def test_accept_queue_full_is_strong_where_data_is_ignored_near_the_server() -> None:
    ignored = """
    flow ignored
    client 192.0.2.1:49152
    +1    > S  0
    +.001 < S. 0 ack 1
    +.04  > .  1 ack 1
    +0    > P. 1:11(10) ack 1
    +.2   > P. 1:11(10) ack 1
    +.8   < S. 0 ack 1
    +.04  > .  11 ack 1
    +2    < S. 0 ack 1
    """
    assert certainties(AT_SERVER + ignored, "D04") == ["strong"]
    assert certainties(AT_SERVER + ignored, "D07") == []
    # At the client the way back to it is short instead.
    assert certainties(ignored.replace("+.04", "+0"), "D04") == ["compatible"]


def test_accept_queue_full_is_compatible_near_the_server_where_the_client_is_silent() -> None:
    silent = """
    flow silent
    client 192.0.2.1:49152
    +1    > S  0
    +.001 < S. 0 ack 1
    +.04  > .  1 ack 1
    +1    < S. 0 ack 1
    +.04  > .  1 ack 1
    """
    assert certainties(AT_SERVER + silent, "D04") == ["compatible"]


def test_three_perfect_segments_have_no_cause() -> None:
    assert of_exchange(SYN_TO_ACK.replace("{start}", "0") + "+60 arp") == []


def test_network_copies_of_the_synack_are_not_repeats() -> None:
    copied = """
    +0   > S  0        <TS val 10 ecr 0>
    +.02 < S. 0 ack 1  <TS val 77 ecr 10>
    +0   > .  1 ack 1  <TS val 30 ecr 77>
    +1   < S. 0 ack 1  <TS val 77 ecr 10>
    +0   > .  1 ack 1  <TS val 1030 ecr 77>
    +1   < S. 0 ack 1  <TS val 77 ecr 10>
    +0   > P. 1:11(10) ack 1  <TS val 2030 ecr 77>
    +.02 < .  1 ack 11 <TS val 2087 ecr 2030>
    """
    assert of_exchange(copied) == []


def test_ack_lost_is_strong_where_the_socket_took_another_meanwhile() -> None:
    other = """
    flow other
    client 192.0.2.7:50000
    +.5  > S  0
    +.02 < S. 0 ack 1
    +0   > .  1 ack 1
    +0   > P. 1:11(10) ack 1
    +.02 < .  1 ack 11
    """
    lost = """
    flow lost
    client 192.0.2.1:49152
    +0   > S  0
    +.02 < S. 0 ack 1
    +0   > .  1 ack 1
    +1   < S. 0 ack 1
    +0   > .  1 ack 1
    +.1  > P. 1:101(100) ack 1
    +.02 < .  1 ack 101
    """
    assert certainties(other + lost, "D07") == ["strong"]
    assert certainties(other.replace("+.5 ", "+30 ") + lost, "D07") == ["compatible"]


def test_ack_missing_before_the_tap() -> None:
    missing = """
    +0    > S  0
    +.001 < S. 0 ack 1
    +1.02 < S. 0 ack 1
    +.6   > P. 1:11(10) ack 1
    +.001 < .  1 ack 11
    """
    assert certainties(missing, "D07") == ["compatible"]


DEFERRED = """
+{start} > S  0
+.02     < S. 0 ack 1
+0       > .  1 ack 1
+3       < S. 0 ack 1
+0       > .  1 ack 1
+1       > P. 1:101(100) ack 1
+.02     < .  1 ack 101
"""
PROMPT = """
flow prompt
client 192.0.2.7:50000
+200 > S  0
+.02 < S. 0 ack 1
+0   > .  1 ack 1
+.01 > P. 1:101(100) ack 1
+.02 < .  1 ack 101
"""


@pytest.mark.parametrize(
    ("exchange", "deferred", "queue"),
    [
        (flows(DEFERRED, 1), [], []),
        (flows(DEFERRED, 4), ["compatible"] * 4, []),
        (flows(DEFERRED, 5) + PROMPT, ["strong"] * 5, []),
        (flows(DEFERRED, 5), ["compatible"] * 5, []),
    ],
)
def test_defer_accept_shows_in_many_handshakes(exchange: str, deferred: list[str], queue: list[str]) -> None:
    assert certainties(exchange, "D06") == deferred
    assert certainties(exchange, "D04") == queue


@pytest.mark.parametrize(("flags", "found"), [("R ", ["compatible"]), ("R.", [])])
def test_the_ack_flag_tells_the_kernel_from_the_application(flags: str, found: list[str]) -> None:
    reset = f"""
    +0   > S  0
    +.02 < S. 0 ack 1
    +0   > .  1 ack 1
    +.02 < {flags} 1 ack 1
    """
    assert certainties(reset, "D05") == found


def test_rst_after_data_of_the_server_is_no_full_queue() -> None:
    spoke = """
    +0   > S  0
    +.02 < S. 0 ack 1
    +0   > .  1 ack 1
    +.01 < P. 1:11(10) ack 1
    +.02 < R  11
    """
    assert certainties(spoke, "D05") == []


@pytest.mark.parametrize(("ttl", "found"), [(63, ["strong"]), (64, []), (200, [])])
def test_port_closed_by_the_ttl_of_the_server(ttl: int, found: list[str]) -> None:
    refused = f"""
    flow refused
    client 192.0.2.1:49152
    +0   > S  0
    +.02 < R. =0 ack 1 ttl {ttl}
    flow open
    client 192.0.2.1:49153
    server 198.51.100.2:443
    +.1  > S  0
    +.02 < S. 0 ack 1 ttl 63
    +0   > .  1 ack 1
    """
    assert certainties(refused, "D01") == found


@pytest.mark.parametrize(
    ("other", "detail"),
    [
        ("server 198.51.100.2:80", "1 SYN(s); the server answers other attempts at this port: loss or a full queue "
                                   "rather than a filter"),
        ("server 198.51.100.2:443", "1 SYN(s); the server is heard otherwise: this port is filtered"),
        ("server 198.51.100.3:80", "1 SYN(s); nothing of this server was captured: it is down, the address is wrong, "
                                   "or all of it is filtered"),
    ],
)  # fmt: skip
def test_what_else_is_heard_of_a_silent_server(other: str, detail: str) -> None:
    exchange = f"""
    flow silent
    client 192.0.2.1:49152
    +0   > S  0
    +30  arp
    flow other
    client 192.0.2.1:49153
    {other}
    +1   > S  0
    +.02 < S. 0 ack 1
    +0   > .  1 ack 1
    """
    assert [found.detail for found in of_exchange(exchange) if found.id == "D02"] == [detail]


LATE = """
+{start} > S  0
+1       > S  0
+.001    < S. 0 ack 1
+.04     > .  1 ack 1
"""


def test_syn_queue_full_is_strong_near_the_server() -> None:
    assert certainties(AT_SERVER + flows(LATE, 2), "D03") == ["strong"] * 2


def test_syn_queue_full_needs_a_tenth_of_the_attempts() -> None:
    others = flows(SYN_TO_ACK, 21).replace("192.0.2.1:", "192.0.2.5:")
    assert certainties(flows(LATE, 2) + "\n" + others, "D03") == []


def test_slow_path_is_no_full_queue() -> None:
    slow = """
    +{start} > S  0
    +1       > S  0
    +.4      < S. 0 ack 1
    +0       > .  1 ack 1
    """
    assert certainties(flows(slow, 5), "D03") == []


def cookies(lags: list[int]) -> str:
    """Connections whose SYN-ACK's timestamp lags so many ms behind the server's clock."""
    return "\n".join(
        f"""
        flow number{number}
        client 192.0.2.1:{40000 + number}
        +{number} > S  0        <TS val 10 ecr 0>
        +.02 < S. 0 ack 1       <TS val {9000 * number + 77} ecr 10>
        +0   > .  1 ack 1       <TS val 30 ecr 77>
        +.01 > P. 1:6(5) ack 1  <TS val 40 ecr 77>
        +.02 < .  1 ack 6       <TS val {9000 * number + 77 + 30 + lag} ecr 40>
        +.02 < P. 1:6(5) ack 6  <TS val {9000 * number + 77 + 50 + lag} ecr 40>
        """
        for number, lag in enumerate(lags)
    )


@pytest.mark.parametrize(
    ("lags", "found"),
    [
        ([49, 60, 4], ["compatible"] * 3),
        ([49, 60, 4, 11, 30, 22, 17, 55], ["strong"] * 8),
        ([49, 60], []),
        ([49, 60, 4, 11, 30, 22, 17, 80], []),  # more than the cookie's six bits can hide
        ([30, -12, 25], []),  # a path with jitter
        ([0, 1, 0, 1, 0, 0, 1, 0], []),  # an ordinary clock
    ],
)
def test_syn_cookies_show_in_the_timestamps(lags: list[int], found: list[str]) -> None:
    assert certainties(cookies(lags), "D08") == found


@pytest.mark.parametrize(("again", "found"), [("", ["compatible"] * 8), ("+1 < S. 0 ack 1", [])])
def test_syn_cookies_never_repeat_the_synack(again: str, found: list[str]) -> None:
    half_open = f"""
    +{{start}} > S  0
    +.02       < S. 0 ack 1
    {again}
    +5         arp
    """
    assert certainties(flows(half_open, 8), "D08") == found


@pytest.mark.parametrize(("code", "error"), [("3/0", "ENETUNREACH"), ("3/3", "ECONNREFUSED"), ("3/1", "EHOSTUNREACH")])
def test_icmp_names_the_error(code: str, error: str) -> None:
    (found,) = of_exchange(f"+0 > S 0\n+.02 < icmp {code} quotes 0 from 203.0.113.9")
    assert (found.id, found.certainty) == ("D26", "proved")
    assert found.detail.endswith(f"from 203.0.113.9: {error}")


def test_port_reuse_long_after_is_nobodys_memory() -> None:
    reused = """
    +0   > S  0
    +.02 < S. 0 ack 1
    +0   > .  1 ack 1
    isn 900000 5900000
    +{gap} > S  0
    +.02 < S. 0 ack 1
    +0   > .  1 ack 1
    """
    assert certainties(reused.replace("{gap}", "239"), "D22") == ["proved"]
    assert certainties(reused.replace("{gap}", "241"), "D22") == []


def test_timestamp_rejected_is_strong_with_the_table() -> None:
    higher = flows(
        """
        +{start} > S  0        <TS val {tsval} ecr 0>
        +.02     < S. 0 ack 1  <TS val 77 ecr 10>
        +0       > .  1 ack 1  <TS val {tsval} ecr 77>
        """,
        8,
        apart=2,
    )
    for number in range(8):
        higher = higher.replace("{tsval}", str(900000 + 2000 * number), 2)
    lower = "\n".join(
        f"flow lower{number}\nclient 192.0.2.1:{50000 + number}\n+{2 * number + 1} > S 0 <TS val {4000 + number} ecr 0>"
        for number in range(6)
    )
    text = higher + "\n" + lower + "\nflow end\n+60 arp"
    assert certainties(text, "D23") == ["strong"] * 6
    without = text.replace(" <TS val 4000 ecr 0>", " <TS val 4000 ecr 0>\n+.02 < S. 0 ack 1 <TS val 5 ecr 4000>")
    assert certainties(without, "D23") == []


@pytest.mark.parametrize(("repeat", "found"), [("+1 > S 0", ["strong"]), ("", [])])
def test_challenge_that_is_never_reset(repeat: str, found: list[str]) -> None:
    stuck = f"""
    +0  > S 0
    +.02 < . =700000 ack =300000
    {repeat}
    """
    ending = "+30 arp" if repeat else ""
    assert certainties(stuck + ending, "D25") == found


def test_proxy_is_strong_over_five_connections() -> None:
    proxied = """
    +{start} > S  0
    +0       < S. 0 ack 1 ttl 64
    +0       > .  1 ack 1
    +0       > P. 1:101(100) ack 1
    +.09     < .  1 ack 101 ttl 51
    """
    assert certainties(flows(proxied, 5), "D27") == ["strong"] * 5
    assert certainties(flows(proxied, 4), "D27") == ["compatible"] * 4


@pytest.mark.parametrize(("delay", "found"), [(".7", ["strong"] * 5), (".2", [])])
def test_proxy_by_the_time_of_bare_acks(delay: str, found: list[str]) -> None:
    satellite = f"""
    +{{start}} > S  0
    +.02       < S. 0 ack 1
    +0         > .  1 ack 1
    +0         > P. 1:101(100) ack 1
    +{delay}   < .  1 ack 101
    """
    assert certainties(flows(satellite, 5), "D27") == found


@pytest.mark.parametrize(
    ("exchange", "detail"),
    [
        ("+0 > S 0 <FO>\n+.02 < S. 0 ack 1 <FO 0102030405060708>", "a cookie was asked for and given"),
        ("+0 > S 0 <FO>\n+.02 < S. 0 ack 1", "a cookie was asked for, the server gave none"),
        (
            "+0 > S 0:100(100) <FO 0102030405060708>\n+.02 < S. 0 ack 41",
            "the server took a part of the SYN's data; the rest must be sent again",
        ),
        (
            "+0 > S 0:100(100) <FO 0102030405060708>\n+.02 < S. 0 ack 1",
            "the server took none of the SYN's data; it must be sent again",
        ),
        ("+0 > S 0 <FO 0102030405060708>\n+.02 < S. 0 ack 1", "a cookie was sent without data"),
    ],
)
def test_fast_open(exchange: str, detail: str) -> None:
    (found,) = [found for found in of_exchange(exchange) if found.id == "D29"]
    assert (found.certainty, found.detail) == ("proved", detail)


FAST_OPEN_DROPPED = """
+{start} > S  0:100(100) <mss 1460,FO 0102030405060708>
+1       > S  0          <mss 1460>
+.02     < S. 0 ack 1    <mss 1460>
+0       > P. 1:101(100) ack 1
"""


def test_fast_open_blackhole() -> None:
    assert certainties(flows(FAST_OPEN_DROPPED, 1), "D29") == ["compatible"]
    assert certainties(flows(FAST_OPEN_DROPPED, 2), "D29") == ["strong"] * 2
    assert certainties(flows(FAST_OPEN_DROPPED, 2), "D03") == []


def test_ecn_blackhole_is_strong_when_it_happens_again() -> None:
    dropped = """
    +{start} > SEW 0
    +1       > S   0
    +.02     < S.  0 ack 1
    +0       > .   1 ack 1
    """
    assert certainties(flows(dropped, 2), "D30") == ["strong"] * 2
    assert certainties(flows(dropped, 2), "D03") == []


def test_client_gave_up_without_a_sibling() -> None:
    alone = """
    +0   > S  0
    +.2  < S. 0 ack 1
    +0   > R  1
    """
    assert certainties(alone, "D31") == ["compatible"]


@pytest.mark.parametrize(
    ("start", "server", "found"),
    [
        (".25", "198.51.100.3:80", ["strong"]),
        ("5", "198.51.100.3:80", ["compatible"]),
        (".25", "198.51.100.2:80", ["compatible"]),  # the same address again
        (".25", "198.51.100.3:443", ["compatible"]),  # another service
    ],
)
def test_happy_eyeballs_needs_a_sibling(start: str, server: str, found: list[str]) -> None:
    pair = f"""
    flow loser
    client 192.0.2.1:49152
    +0   > S  0
    +.4  < S. 0 ack 1
    +0   > R  1
    flow winner
    client 192.0.2.1:49153
    server {server}
    +{start} > S  0
    +.02 < S. 0 ack 1
    +0   > P. 1:101(100) ack 1
    +.02 < .  1 ack 101
    """
    assert certainties(pair, "D31") == found


LARGE = """
+0   > S  0        <mss 1460>
+.02 < S. 0 ack 1  <mss 1460>
+0   > .  1 ack 1
+0   > P. 1:101(100) ack 1
+.02 < .  1 ack 101
"""


@pytest.mark.parametrize(
    ("rest", "found"),
    [
        # Nothing is heard any more: the other side may be dead.
        ("+0 > . 101(1460) ack 1\n+.3 > . 101(1460) ack 1\n+.6 > . 101(1460) ack 1\n+9 arp", ["compatible"]),
        # Small segments only: plain loss.
        ("+0 > . 101(90) ack 1\n+.3 > . 101(90) ack 1\n+.6 > . 101(90) ack 1\n+9 arp", []),
        # A full-sized segment got through before.
        (
            "+0 > . 101(1460) ack 1\n+.02 < . 1 ack 1561\n"
            "+0 > . 1561(1460) ack 1\n+.3 > . 1561(1460) ack 1\n+.6 > . 1561(1460) ack 1\n+9 arp",
            [],
        ),
        # One repeat proves nothing yet.
        ("+0 > . 101(1460) ack 1\n+.6 > . 101(1460) ack 1\n+9 arp", []),
    ],
)
def test_mtu_blackhole_borders(rest: str, found: list[str]) -> None:
    assert certainties(LARGE + rest, "D33") == found


def test_mtu_blackhole_of_the_server() -> None:
    certificate = """
    +0   < .  1(1460) ack 101
    +0   < P. 1461(200) ack 101
    +.02 > .  101 ack 1
    +.3  < .  1(1460) ack 101
    +.6  < .  1(1460) ack 101
    +9   arp
    """
    assert certainties(LARGE + certificate, "D33") == ["strong"]


LOST_SYNACK = """
flow lost
client 192.0.2.9:49152
+1     > S  0
+.001  < S. 0 ack 1
+1     > S  0
+.001  < S. 0 ack 1
+.04   > .  1 ack 1
"""


def test_synack_lost_is_strong_where_others_show_the_way_to_the_client() -> None:
    assert certainties(LOST_SYNACK, "D34") == ["compatible"]
    assert certainties(AT_SERVER + LOST_SYNACK, "D34") == ["strong"]


@pytest.mark.parametrize(
    "exchange",
    [
        # A path of 1.2 s: the client acknowledges both SYN-ACKs.
        "+0 > S 0\n+0 < S. 0 ack 1\n+1 > S 0\n+0 < S. 0 ack 1\n+.2 > . 1 ack 1\n+1 > . 1 ack 1",
        # The same path, known from another handshake.
        "flow known\nclient 192.0.2.1:49000\n+0 > S 0\n+0 < S. 0 ack 1\n+1.2 > . 1 ack 1\n"
        "flow this\n+0 > S 0\n+0 < S. 0 ack 1\n+1 > S 0\n+0 < S. 0 ack 1\n+.2 > . 1 ack 1",
        # The network sends the first SYN once more: the IP id says so.
        "+0 > S 0 id 7\n+0 < S. 0 ack 1\n+1 > S 0 id 7\n+.2 > . 1 ack 1 id 8",
        # The SYN was repeated before any SYN-ACK.
        "+0 > S 0\n+1 > S 0\n+.02 < S. 0 ack 1\n+0 > . 1 ack 1",
        # The client had the SYN-ACK: it reset it.
        "+0 > S 0\n+.02 < S. 0 ack 1\n+0 > R 1\n+1 > S 0\n+.02 < S. 0 ack 1\n+0 > . 1 ack 1",
    ],
)
def test_synack_not_lost(exchange: str) -> None:
    assert certainties(exchange, "D34") == []


def test_a_lost_synack_delays_the_application_and_many_end_it() -> None:
    (found,) = (one for one in DIAGNOSES.values() if one.slug == "synack-lost")
    assert (found.seen("established"), found.seen("half-open")) == ("nothing", "ETIMEDOUT")
