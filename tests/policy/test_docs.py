"""The pages on policies and expectations say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from pcapcheck.expect import words
from pcapcheck.expect.parser import parse
from pcapcheck.policy.file import read
from pcapcheck.policy.keys import KEYS

DOCS = Path(__file__).resolve().parents[2] / "docs"
EXPECTATIONS = (DOCS / "expectations.md").read_text(encoding="utf-8")
POLICY = (DOCS / "policy.md").read_text(encoding="utf-8")


def fenced(page: str, language: str = "") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def test_the_grammar_has_every_word_and_no_other() -> None:
    (grammar,) = fenced(EXPECTATIONS, "ebnf")
    said = set(re.findall(r'"([A-Za-zµ_-]{2,}|s)"', grammar))
    known = {
        *words.COUNTS,
        *words.MEASURES,
        *words.STATISTICS,
        *words.QUANTIFIERS,
        *words.SUBJECTS,
        *words.UNITS,
        *(part for option in words.OPTIONS for part in option.split()),
        *("overall", "in", "is", "not", "has", "offers", "from", "to", "port"),
    }
    assert {word.lower() for word in said} == known
    assert set(re.findall(r'"([<>=!]=?)"', grammar)) - {"="} == set(words.OPERATORS)


def test_the_examples_are_expectations() -> None:
    written = re.findall(r"`([^`\n]*(?:<|>|==|offers|every handshake)[^`\n]*)`", EXPECTATIONS)
    examples = [text for text in written if re.search(r"[a-z)] ([<>]=?|==) \d|^every handshake to", text)]
    examples = [text for text in examples if not text.startswith(("has ", "offers "))]
    examples += [line for line in fenced(EXPECTATIONS)[1].splitlines() if line]
    assert len(examples) == 8
    for text in examples:
        parse(text)


def test_the_example_of_a_policy_file_is_one(tmp_path: Path) -> None:
    (example,) = fenced(POLICY, "toml")
    path = tmp_path / "pcapcheck.toml"
    path.write_text(example)
    values = read(str(path)).values
    assert set(values) == {"fail-on", "ignore", "severity", "overrides", "expect"}
    assert len(values["expect"]) == 2


def test_every_key_and_variable_is_in_the_docs() -> None:
    assert re.findall(r"^\| `([a-z-]+)` \|", POLICY, re.MULTILINE) != []
    assert set(re.findall(r"^\| `([a-z-]+)` \|", POLICY, re.MULTILINE)) == set(KEYS)
    assert set(re.findall(r"`(PCAPCHECK_\w+)`", POLICY)) == {
        *filter(None, (key.variable for key in KEYS.values())),
        "PCAPCHECK_CONFIG",
    }
