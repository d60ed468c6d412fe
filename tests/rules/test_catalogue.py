"""What every rule carries, and that the pages made of it are up to date."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from pcapcheck.errors import UsageError
from pcapcheck.rules import RULES, Answer, Findings, Rule
from pcapcheck.rules.catalogue import HEADINGS, choose, words
from pcapcheck.rules.checked import Checked
from pcapcheck.tables import SEVERITIES

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_form(rule: Rule) -> None:
    assert re.fullmatch(r"(CAP|CK|EC|HS|IC|IS|MP|OC|OP|PT|RS|ST|TD|TF|TM)\d\d[A-Z]?", rule.id)
    # It says what is found: no verb in the imperative, no "wrong" alone, at most six words.
    assert re.fullmatch(r"[a-z]+(-[a-z]+){1,5}", rule.slug)
    assert rule.severity in SEVERITIES
    assert rule.reference
    assert rule.needs
    assert rule.title.endswith(".")
    assert tuple(rule.sections) == HEADINGS
    assert all(rule.sections.values())


def test_slugs_are_unique() -> None:
    assert [slug for slug, count in Counter(rule.slug for rule in RULES.values()).items() if count > 1] == []


def test_pages_are_up_to_date() -> None:
    made = subprocess.run(
        [sys.executable, ROOT / "tools/make_docs.py", "--check"], capture_output=True, text=True, check=False
    )
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")


@pytest.mark.parametrize("prefix", ["ST07", "ST07B", "st07b", "split-handshake"])
def test_choose(prefix: str) -> None:
    assert "ST07B" in [rule.id for rule in choose(RULES.values(), select=[prefix])]


def test_choose_refuses_an_unknown_rule() -> None:
    with pytest.raises(UsageError, match="HS99"):
        choose(RULES.values(), ignore=["HS99"])


def test_a_finding_may_weigh_less_than_its_rule() -> None:
    answer = Answer(fails=np.array([True, False, True, True]), severities=words(4, [2], ["note"]))
    findings = Findings([Checked(RULES["HS02"], 0, answer)])
    assert [finding.severity for finding in findings] == ["error", "note", "error"]
    assert [findings.count(severity) for severity in SEVERITIES] == [2, 0, 1, 0]


def test_fails_only_where_it_applies_and_can_be_decided() -> None:
    answer = Answer(
        fails=np.array([True, True, True]),
        applies=np.array([True, True, False]),
        decidable=np.array([True, False, False]),
    )
    checked = Checked(RULES["HS02"], 0, answer)
    assert checked.failed.tolist() == [0]
    assert checked.undecidable == 1
