"""What expectations answer of traffic: the answer, the numbers, and the frames of the worst handshakes."""

from __future__ import annotations

import pytest

from pcapcheck.expect.ask import Asked, ask
from pcapcheck.expect.catalogue import EXPECTATIONS
from pcapcheck.expect.parser import parse
from pcapcheck.rules import Findings
from pcapcheck.stretch import CaptureFacts
from tests.expect.traffic import CUT, OPEN, REPEATED, THREE, answer
from tests.rows import traffic_of_exchange


@pytest.mark.parametrize(
    ("expectation", "holds", "found"),
    [
        ("handshakes == 3", True, "3"),
        ("established == 2", True, "2"),
        ("refused == 0", False, "1; frame 7"),
        ("failed == 1", True, "1"),
        ("established >= 10", False, "2; not frame 7"),
        ("failed / handshakes < 1%", False, "33.33 % (failed 1, handshakes 3); frame 7"),
        ("failed / handshakes < 34%", True, "33.33 % (failed 1, handshakes 3)"),
        ("established + refused == handshakes", True, "3 (established 2, refused 1) and 3"),
        ("established - refused > 5", False, "1 (established 2, refused 1); not frame 7"),
        ('refused to "198.51.100.2" == 0', True, "0"),
        ('refused to "198.51.100.0/24" == 0', False, "1; frame 7"),
        ('refused from "10.0.0.0/8" port 80 == 0', False, "1; frame 7"),
        ('refused from "10.0.0.0/8" port 443 == 0', True, "0"),
        ('refused from "2001:db8::/32" == 0', True, "0"),
        ("refused != 1", False, "1; frame 7"),
        ("max(server_rtt) < 100ms", False,
         "250.000 ms of 2 handshakes; the worst: frame 4 (250.000 ms), frame 1 (20.000 ms)"),
        ("max(server_rtt) port 443 < 100ms", True, "20.000 ms of 1 handshake"),
        ("min(server_rtt) > 30ms", False,
         "20.000 ms of 2 handshakes; the worst: frame 1 (20.000 ms), frame 4 (250.000 ms)"),
        ("median(server_rtt) == 20ms", True, "20.000 ms of 2 handshakes"),
        ("p51(server_rtt) == 250ms", True, "250.000 ms of 2 handshakes"),
        ("mean(server_rtt) == 135ms", True, "135.000 ms of 2 handshakes"),
        ("mean(client_rtt) * 2 == 0.003s", True, "3.000 ms (mean(client_rtt) 1.500 ms)"),
        ("max(server_rtt) / min(server_rtt) < 10", False,
         "12.5 (max(server_rtt) 250.000 ms, min(server_rtt) 20.000 ms);"
         " the worst: frame 4 (250.000 ms), frame 1 (20.000 ms)"),
        ("count(server_rtt) == 2", True, "2 of 2 handshakes"),
        ("p95(server_rtt) to \"203.0.113.0/24\" < 1s", None, "no value of 0 handshakes"),
        ("failed / pending < 1%", None, "no value (failed 1, pending 0)"),
        ("1 == 1", True, "just that"),
        ("every handshake is established", False, "1 of 3 is not; frame 7"),
        ("every handshake port 443 is established", True, "1 of 1"),
        ("every handshake is not refused", False, "1 of 3 is not; frame 7"),
        ("no handshake is refused", False, "1 of 3 is; frame 7"),
        ("no handshake is failed", False, "1 of 3 is; frame 7"),
        ("no handshake is unanswered", True, "0 of 3"),
        ("some handshake is refused", True, "1 of 3"),
        ("some handshake is half-open", False, "0 of 3"),
        ("every handshake has server_rtt < 100ms", False, "1 of 2 does not; frame 4"),
        ("no handshake has server_rtt >= 250ms", False, "1 of 2 does; frame 4"),
        ("no handshake has server_rtt > 250ms", True, "0 of 2"),
        ("every client offers MSS >= 1460", False, "1 of 3 does not; frame 7"),
        ("every server offers MSS", True, "2 of 2"),
        ("every handshake port 443 offers MSS >= 1460", False, "1 of 1 does not; frame 1"),
        ("every handshake port 443 offers sack", True, "1 of 1"),
        ("every handshake offers SACK", False, "2 of 3 do not; frame 4, frame 7"),
        ("every server to port 443 offers window scaling", False, "1 of 1 does not; frame 1"),
        ("some client offers window scaling == 7", True, "1 of 3"),
        ("no handshake offers ECN", True, "0 of 3"),
        ("no handshake offers fast open", True, "0 of 3"),
        ("no client offers mptcp", True, "0 of 3"),
        ("every handshake port 9 offers SACK", True, "0 of 0"),
    ],
)  # fmt: skip
def test_three_handshakes(expectation: str, holds: bool | None, found: str) -> None:
    assert answer(expectation, THREE)[:2] == (holds, found)


@pytest.mark.parametrize(
    ("expectation", "holds", "found"),
    [
        ("max(server_rtt) < 2s", True, "between 20.000 ms and 1020.000 ms of 1 handshake"),
        ("max(server_rtt) < 80ms", None, "between 20.000 ms and 1020.000 ms of 1 handshake"),
        ("max(server_rtt) < 20ms", False,
         "between 20.000 ms and 1020.000 ms of 1 handshake; the worst: frame 1 (between 20.000 ms and 1020.000 ms)"),
        ("max(server_rtt) >= 20ms", True, "between 20.000 ms and 1020.000 ms of 1 handshake"),
        ("max(server_rtt) == 500ms", None, "between 20.000 ms and 1020.000 ms of 1 handshake"),
        ("max(server_rtt) != 2s", True, "between 20.000 ms and 1020.000 ms of 1 handshake"),
        ("every handshake has server_rtt < 80ms", None, "1 of 1 that cannot be told"),
        ("every handshake has server_rtt <= 1020ms", True, "1 of 1"),
        ("count(server_rtt) >= 1", True, "1 of 1 handshake"),
    ],
)  # fmt: skip
def test_a_repeated_syn_leaves_an_interval(expectation: str, holds: bool | None, found: str) -> None:
    assert answer(expectation, REPEATED)[:2] == (holds, found)


@pytest.mark.parametrize(
    ("expectation", "holds", "found"),
    [
        # The pending one and the one-sided one may have been refused; the flow that was open before was not.
        ("refused == 0", None, "between 0 and 2"),
        ("refused <= 2", True, "between 0 and 2"),
        ("refused > 2", False, "between 0 and 2; not frame 1, frame 2, frame 3"),
        ("undecided == 3", True, "3"),
        ("pending == 1", True, "1"),
        ("midstream == 1", True, "1"),
        ("failed / handshakes < 70%", True, "between 0 % and 66.67 % (failed between 0 and 2, handshakes 3)"),
        ("every handshake is established", False, "1 of 3 is not; frame 3"),
        ("no handshake is refused", None, "2 of 3 that cannot be told"),
        ("every client offers SACK", False, "1 of 3 does not; frame 1"),
        ('every client from "192.0.2.7" offers SACK', None, "1 of 1 that cannot be told"),
        ('every server to "198.51.100.9" offers SACK', True, "1 of 1"),
    ],
)  # fmt: skip
def test_what_was_not_captured_is_not_judged(expectation: str, holds: bool | None, found: str) -> None:
    assert answer(expectation, OPEN)[:2] == (holds, found)


def test_options_that_were_cut_off_are_not_judged() -> None:
    assert answer("every handshake offers SACK", CUT).holds is None
    assert answer("every handshake offers MSS >= 1400", CUT).holds is None
    assert answer("no handshake offers ECN", CUT).holds is True  # in the flags, which are there


def test_captures_together_and_each_by_itself() -> None:
    assert answer("established == 3", THREE, REPEATED).holds is True
    traffics = [traffic_of_exchange(text) for text in (THREE, REPEATED)]
    facts = [CaptureFacts("three.pcap"), CaptureFacts("repeated.pcap")]

    def found(expectation: str, **words: str) -> list[tuple[int, str, str, tuple[int, ...], str]]:
        asked = [Asked(parse(expectation), **words)]
        findings = Findings(ask(asked, traffics, facts, lambda path, patterns: path in patterns))
        return [(one.capture, one.rule.id, one.severity, one.frames, one.message) for one in findings]

    assert found("established >= 2") == [
        (1, "EX01", "error", (), "expected established >= 2, found 1"),
    ]
    assert found("overall established >= 3") == []
    assert found("refused == 0", severity="warning", name="nobody is refused") == [
        (0, "EX01", "warning", (7,), "expected nobody is refused: refused == 0, found 1; frame 7")
    ]
    assert found('refused == 0 in "repeated.pcap"') == []
    # It stands at the capture with the worst handshake, and names that capture's frames.
    assert found("overall max(server_rtt) < 1ms") == [
        (
            1,
            "EX01",
            "error",
            (1,),
            "expected overall max(server_rtt) < 1ms, found between 250.000 ms and 1020.000 ms of 3 handshakes;"
            " the worst: frame 1 (between 20.000 ms and 1020.000 ms), frame 4 (250.000 ms), frame 1 (20.000 ms)",
        )
    ]
    assert found("max(server_rtt) < 300ms") == [
        (
            1,
            "EX02",
            "note",
            (),
            "cannot tell max(server_rtt) < 300ms, found between 20.000 ms and 1020.000 ms of 1 handshake",
        )
    ]


@pytest.mark.parametrize("rule", EXPECTATIONS.values(), ids=EXPECTATIONS)
def test_examples(rule) -> None:  # type: ignore[no-untyped-def]
    def rules(example: str) -> list[str]:
        expectation = example.splitlines()[0].removeprefix("# expect: ")
        found = ask(
            [Asked(parse(expectation))], [traffic_of_exchange(example)], [CaptureFacts("")], lambda path, patterns: True
        )
        return [one.rule.id for one in found]

    assert rules(rule.fires) == [rule.id]
    assert rules(rule.silent) == []
