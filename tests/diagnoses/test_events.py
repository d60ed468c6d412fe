"""Where scans, floods, backscatter and retry loops begin and end: one step to either side of the border."""

from __future__ import annotations

import pytest

from tests.diagnoses.causes import Found, of_exchange

REFUSED = "{start} > S 0 win 1024 <mss 1460>\n+.02 < R. =0 ack 1 win 0"
HALF = "{start} > S 0 win 1024 <mss 1460>\n+.02 < S. 0 ack 1 win 65160\n+0 > R 1 win 0"
SILENT = "{start} > S 0 win 1024 <mss 1460>"
USED = "{start} > S 0 win 1024 <mss 1460>\n+.02 < S. 0 ack 1\n+0 > . 1 ack 1\n+0 > P. 1:101(100) ack 1"
END = "\nflow end\n+300 arp"


def targets(
    exchange: str, count: int, *, ports: int = 1, first: int = 0, apart: float = 0.1, isn: int | None = None
) -> str:
    """The exchange with ``count`` targets: ``ports`` of one host, then of the next."""
    flows = []
    for number in range(first, first + count):
        host, port = divmod(number, ports)
        flows.append(
            f"flow target{number}\nclient 192.0.2.1:{40000 + number}\nserver 198.51.100.{host + 1}:{port + 20}\n"
            f"isn {1000 + 77 * number if isn is None else isn} 5000\n"
            + exchange.replace("{start}", f"+{number * apart:.3f}")
        )
    return "\n".join(flows) + "\n"


def of(text: str, id: str) -> list[Found]:
    return [one for one in of_exchange(text + END) if one.id == id]


def kinds(text: str, id: str) -> set[tuple[int, str]]:
    """How many handshakes each event of a kind has, and how certain it is."""
    found = of(text, id)
    return {(sum(one.detail == other.detail for one in found), other.certainty) for other in found}


@pytest.mark.parametrize(
    ("count", "found"), [(9, set()), (10, {(10, "compatible")}), (19, {(19, "compatible")}), (20, {(20, "strong")})]
)
def test_ports_of_one_host(count: int, found: set[tuple[int, str]]) -> None:
    assert kinds(targets(REFUSED, count, ports=100), "D09") == found


def test_one_port_of_many_hosts_needs_more_than_failures() -> None:
    # A kernel's SYNs, and the network is down: a program may do so.
    assert kinds(targets(SILENT, 25), "D09") == set()
    # Half-open, or by SYNs that no kernel sends.
    assert kinds(targets(HALF, 25), "D09") == {(25, "strong")}
    assert kinds(targets(HALF, 19), "D09") == set()
    assert kinds(targets(SILENT, 25, isn=777), "D09") == {(25, "strong")}
    assert kinds(targets(SILENT.replace(" <mss 1460>", ""), 25), "D09") == {(25, "strong")}


def test_what_a_scan_says() -> None:
    text = targets(REFUSED, 10, ports=100) + targets(HALF, 2, ports=100, first=10)
    text += targets(SILENT, 3, ports=100, first=12)
    (said,) = {one.detail for one in of(text, "D09")}
    assert said == "SYN scan by 192.0.2.1: 15 ports of 1 host, 2 open, 10 closed, 3 unanswered"


def test_who_uses_its_targets_does_not_scan() -> None:
    closed = targets(REFUSED, 10, ports=100)
    assert kinds(closed + targets(USED, 1, ports=100, first=10), "D09") == {(10, "compatible")}
    assert kinds(closed + targets(USED, 2, ports=100, first=10), "D09") == set()
    # What the same host opens with its own SYNs is another matter.
    assert kinds(closed + targets(USED.replace("win 1024", "win 64240"), 9, ports=100, first=10), "D09") == {
        (10, "compatible")
    }


@pytest.mark.parametrize(("rounds", "found"), [(4, {(40, "compatible")}), (5, set())])
def test_who_asks_again_and_again_watches(rounds: int, found: set[tuple[int, str]]) -> None:
    text = "\n".join(
        targets(REFUSED, 10, ports=100).replace("flow target", f"flow round{number}x").replace(
            "192.0.2.1:4", f"192.0.2.1:{1 + number}"
        )
        for number in range(rounds)
    )  # fmt: skip
    assert kinds(text, "D09") == found


CONNECTED = (
    "{start} > S 0 win 64240 <mss 1460>\n+.02 < S. 0 ack 1\n+0 > . 1 ack 1\n+0 > F. 1 ack 1\n+.02 < F. 1 ack 2"
    "\n+0 > . 2 ack 2"
)


def test_connect_scan() -> None:
    assert kinds(targets(CONNECTED, 10, ports=100), "D10") == {(10, "compatible")}
    assert kinds(targets(CONNECTED, 10, ports=100), "D09") == set()
    # One port of many hosts, all of them open: a load balancer looks after its servers.
    assert kinds(targets(CONNECTED, 25), "D10") == set()
    refused = REFUSED.replace("win 1024", "win 64240")
    assert kinds(targets(CONNECTED, 12) + targets(refused, 12, first=12), "D10") == {(24, "strong")}


@pytest.mark.parametrize(
    ("flags", "count", "found"),
    [
        ("-", 1, set()),
        ("-", 2, {(2, "strong")}),
        ("F", 2, {(2, "strong")}),
        ("FPU", 2, {(2, "strong")}),
        (". ack", 2, {(2, "compatible")}),
        (". ack", 10, {(10, "strong")}),
        ("F. ack", 9, {(9, "compatible")}),
        ("P. ack", 10, set()),
        ("U", 10, set()),
    ],
)
def test_stealth_scans(flags: str, count: int, found: set[tuple[int, str]]) -> None:
    letters, _, ack = flags.partition(" ")
    probe = f"{{start}} > {letters} 0 {'ack =4711' if ack else ''} win 1024"
    assert kinds(targets(probe, count, ports=100), "D11") == found


@pytest.mark.parametrize(
    "probe",
    [
        "{start} > . 0 ack =4711 win 501 <nop,nop,TS val 7 ecr 9>",  # a connection's own segment
        "{start} > . 0:10(10) ack =4711 win 501",
        "{start} > . 0 ack =4711 win 501\n+.02 < . =4711 ack 1",  # somebody knows the connection
        "{start} > S 0\n+.02 > . 1 ack =4711",
    ],
)
def test_segments_of_connections_are_no_scan(probe: str) -> None:
    assert kinds(targets(probe, 12, ports=100), "D11") == set()


def clients(exchange: str, count: int, *, apart: float = 0.1, first: int = 0, of_one: bool = False) -> str:
    """The exchange from ``count`` clients, all with one server."""
    return "".join(
        f"flow client{number}\nclient 203.0.113.{1 if of_one else number % 250}:{2000 + number}\n"
        f"isn {1000 + 77 * number} 5000\n" + exchange.replace("{start}", f"+{number * apart:.3f}") + "\n"
        for number in range(first, first + count)
    )


ANSWERED = "{start} > S 0 win 64240 <mss 1460>\n+.001 < S. 0 ack 1"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (clients(ANSWERED, 49), set()),
        (clients(ANSWERED, 50), {(50, "strong")}),
        (clients(ANSWERED, 50, apart=0.205), set()),  # 10.045 s from the first to the last
        (clients(ANSWERED, 50, apart=0.203), {(50, "strong")}),
        (clients(ANSWERED, 50, of_one=True), {(50, "compatible")}),
        (clients(ANSWERED.partition("\n")[0], 50), {(50, "strong")}),  # the server is silent
        (clients(ANSWERED + "\n+.01 > R 1", 50), {(50, "strong")}),  # the true owners reset
        (clients(ANSWERED + "\n+.01 > . 1 ack 1", 50), set()),
        (clients(ANSWERED + "\n+1 > S 0 win 64240 <mss 1460>", 50), set()),  # they mean it
        (clients(REFUSED, 50), set()),
    ],
)
def test_floods(text: str, found: set[tuple[int, str]]) -> None:
    assert kinds(text, "D12") == found


@pytest.mark.parametrize(("others", "found"), [(50, {(50, "strong")}), (51, set())])
def test_a_busy_server_is_not_flooded(others: int, found: set[tuple[int, str]]) -> None:
    good = clients(ANSWERED + "\n+.01 > . 1 ack 1", others, first=50, apart=0.1).replace("+5.", "+0.")
    good = good.replace("+6.", "+1.").replace("+7.", "+2.").replace("+8.", "+3.").replace("+9.", "+4.")
    assert kinds(clients(ANSWERED, 50) + good.replace("+10.", "+2."), "D12") == found


def test_a_flood_at_the_end_of_a_capture() -> None:
    def at_the_end(exchange: str) -> set[str]:
        return {one.certainty for one in of_exchange(clients(exchange, 60, apart=0.01)) if one.id == "D12"}

    # Within 0.6 s no kernel would have repeated its SYN: only SYNs that no kernel sends tell.
    assert at_the_end(ANSWERED) == set()
    assert at_the_end(ANSWERED.replace(" <mss 1460>", "")) == {"strong"}


UNASKED = "{start} < S. 0 ack 1 win 65160"
RESET = UNASKED + "\n+.01 > R 1 win 0"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (clients(RESET, 4), set()),
        (clients(RESET, 5), {(5, "compatible")}),
        (clients(RESET, 20), {(20, "strong")}),
        (clients(UNASKED, 20), {(20, "compatible")}),  # nobody resets: perhaps the SYNs take another way
        (clients("{start} < R. =0 ack 1 win 0", 5), {(5, "compatible")}),
        (clients("{start} < R. 5 ack 1 win 0", 5), set()),  # a connection that is over
        (clients("{start} > S 0\n+.01 < S. 0 ack 1", 20), set()),
        (clients(UNASKED + "\n+.01 < P. 1:101(100) ack 1", 20), set()),  # one-sided
    ],
)
def test_backscatter(text: str, found: set[tuple[int, str]]) -> None:
    assert kinds(text, "D13") == found


def attempts(exchange: str, times: list[float]) -> str:
    return "".join(
        f"flow attempt{number}\nclient 192.0.2.1:{41000 + number}\nisn {1000 + 77 * number} 5000\n"
        + exchange.replace("{start}", f"+{time:.3f}") + "\n"
        for number, time in enumerate(times)
    )  # fmt: skip


REGULAR = [2.0 * number for number in range(40)]
# Squares: no two intervals alike.
IRREGULAR = [number * number / 10 for number in range(40)]
UNREACHABLE = "{start} > S 0 win 64240 <mss 1460>\n+.02 < icmp 3/1 quotes 0"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (attempts(REFUSED, REGULAR[:4]), set()),
        (attempts(REFUSED, REGULAR[:5]), {(5, "proved")}),
        (attempts(UNREACHABLE, REGULAR[:5]), {(5, "proved")}),
        (attempts(SILENT, REGULAR[:5]), {(5, "proved")}),
        (attempts(USED, REGULAR[:5]), set()),
        (attempts(REFUSED, IRREGULAR[:19]), set()),
        (attempts(REFUSED, IRREGULAR[:20]), {(20, "proved")}),
        (targets(REFUSED, 5, ports=100), set()),
        (clients(REFUSED, 5), set()),
    ],
)
def test_retry_loops(text: str, found: set[tuple[int, str]]) -> None:
    assert kinds(text, "D32") == found


def test_a_loop_may_skip_a_beat() -> None:
    regular = attempts(REFUSED, [0, 2, 4, 6, 8, 11.5])
    assert {one.detail for one in of(regular, "D32")} == {
        "retry loop of 192.0.2.1: 6 attempts at 198.51.100.2:80 refused, one every 2.000 s"
    }
    assert of(attempts(REFUSED, [0, 2, 4, 6, 9.5, 13]), "D32") == []


def test_a_flood_of_one_address_is_no_retry_loop() -> None:
    flood = clients(ANSWERED.partition("\n")[0], 60, of_one=True)
    assert kinds(flood, "D12") == {(60, "compatible")}
    assert kinds(flood, "D32") == set()
