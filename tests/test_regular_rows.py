"""The loop that tells regular flows: what it says of one, and that it says the same compiled and as plain Python."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapcheck import regular_rows
from pcapcheck.evidence import Event
from pcapcheck.openings import Openings
from pcapcheck.select import select
from pcapcheck.testing import parse_exchange
from tests.decode.test_compiled import load_interpreted
from tests.test_patterns import changed_openings, reused_openings, troubled_openings
from tests.traffic import Captured, captures

INTERPRETED: Final = load_interpreted("regular_rows.py")
FORMS: Final = pytest.mark.parametrize("form", [regular_rows, INTERPRETED], ids=["compiled", "interpreted"])


def told(form: ModuleType, openings: Openings) -> tuple[list[int], dict[str, list[Any]]]:
    """The events of the rows, and the columns of the parts."""
    walk = form.Walk(openings.rows, 0x0123456789ABCDEF)
    walk.walk()
    return walk.events().tolist(), {name: column.tolist() for name, column in walk.parts().items()}


def same(openings: Openings) -> bool:
    return told(regular_rows, openings) == told(INTERPRETED, openings)


@FORMS
def test_an_ordinary_handshake(form: ModuleType) -> None:
    exchange = "+0 > S 0\n+1 > S 0\n+.02 < S. 0 ack 1\n+1 < S. 0 ack 1\n+0 > . 1 ack 1\n+.1 < P. 1(100) ack 1\n"
    events, parts = told(form, select(parse_exchange(exchange).segments()))
    assert events == [
        Event.SYN, Event.SYN, Event.SYNACK, Event.SYNACK, Event.COMPLETING, Event.SERVER_GOES_ON
    ]  # fmt: skip
    del parts["until"], parts["pattern"]
    assert parts == {
        "begin": [0], "regular": [True], "doubtful": [False], "syns": [2], "opened": [4], "syn_count": [2],
        "synack": [2], "last_synack": [3], "smooth": [False], "sacked": [False], "largest": [0],
        **{name: [-1] for name in ("reply", "data", "reaction", "cover", "goes_on", "final", "last")},
    }  # fmt: skip


@FORMS
def test_places_in_a_smooth_one(form: ModuleType) -> None:
    exchange = """
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.1  < P. 1:31(30) ack 1
        +.1  > P. 1:101(100) ack 31
        +.02 < .  31:31(0) ack 51
        +.02 < P. 31:231(200) ack 101
        +0   > .  101:101(0) ack 231
        +0   > F. 101:101(0) ack 231
        +.02 < F. 231:231(0) ack 102
        +0   > .  102:102(0) ack 232
    """
    _, parts = told(form, select(parse_exchange(exchange).segments()))
    places = {
        name: parts[name] for name in ("smooth", "reply", "data", "reaction", "cover", "goes_on", "final", "last")
    }
    assert places == {
        "smooth": [True], "reply": [3], "data": [4], "reaction": [5], "cover": [6], "goes_on": [3], "final": [9],
        "last": [10],
    }  # fmt: skip
    assert parts["largest"] == [200]


@FORMS
def test_a_new_number_begins_a_part(form: ModuleType) -> None:
    exchange = "+0 > S 0\n+1 > S 0\n+1 > S 900000\n+.02 < R. =0 ack 900001\n+1 > . 7 ack 1\n"
    _, parts = told(form, select(parse_exchange(exchange).segments()))
    assert parts["begin"] == [0, 2]
    assert parts["regular"] == [True, False]  # nothing follows a refusal
    assert parts["synack"] == [-1, -1]


@FORMS
def test_no_rows(form: ModuleType) -> None:
    events, parts = told(form, Openings())
    assert events == []
    assert set(map(len, parts.values())) == {0}


@FORMS
def test_the_pattern_is_what_the_rows_are_and_not_how_often_or_when(form: ModuleType) -> None:
    opened = "+0 > S 0\n+.02 < S. 0 ack 1\n+0 > . 1 ack 1\n"
    once, twice, answered = (
        told(form, select(parse_exchange(opened + rest).segments()))[1]["pattern"]
        for rest in (
            "+.1 > P. 1(100) ack 1\n",
            "+.1 > P. 1(100) ack 1\n+5 > P. 101(30) ack 1\n",
            "+.1 > P. 1(100) ack 1\n+.1 < P. 1(9) ack 1\n",
        )
    )
    assert once == twice != answered


@given(captures())
def test_both_forms_say_the_same_of_any_traffic(captured: Captured) -> None:
    assert same(select(captured))


@pytest.mark.parametrize("openings", [changed_openings, troubled_openings, reused_openings])
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_both_forms_say_the_same_of_changed_flows(openings: Any, seed: int) -> None:
    assert same(openings(seed))
