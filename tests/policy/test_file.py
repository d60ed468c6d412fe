"""Which file is found, what it may say, and what is said of mistakes in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcapcheck.cli import main
from pcapcheck.errors import UsageError
from pcapcheck.expect.ask import Asked
from pcapcheck.expect.parser import parse
from pcapcheck.policy.file import find, read
from pcapcheck.policy.policy import Override

WHOLE = """
fail-on = "warning"
select = ["HS", "OC01", "connection-refused"]
ignore = []
format = "jsonl"
expect = ["refused == 0", { that = "established >= 1", name = "some", severity = "note" }]

[severity]
HS02 = "note"

[[overrides]]
paths = ["captures/legacy/**", "*.snoop"]
ignore = ["HS10"]
severity.HS02 = "warning"
"""


@pytest.fixture(autouse=True)
def below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: project/below."""
    folder = tmp_path / "project" / "below"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def test_everything_that_a_file_may_say() -> None:
    Path("pcapcheck.toml").write_text(WHOLE)
    assert read("pcapcheck.toml").values == {
        "fail-on": "warning",
        "select": ("HS", "OC01", "connection-refused"),
        "ignore": (),
        "format": "jsonl",
        "severity": {"HS02": "note"},
        "overrides": (Override(("captures/legacy/**", "*.snoop"), (), ("HS10",), {"HS02": "warning"}),),
        "expect": (Asked(parse("refused == 0")), Asked(parse("established >= 1"), "some", "note")),
    }


def test_the_nearest_file_is_found(below: Path) -> None:
    assert find() is None
    (below.parent.parent / "pcapcheck.toml").write_text('fail-on = "info"\n')
    found = find()
    assert found is not None
    assert (found.path, found.folder, found.values) == ("../../pcapcheck.toml", "../..", {"fail-on": "info"})
    # A pyproject.toml counts only if it is about pcapcheck.
    (below.parent / "pyproject.toml").write_text('[project]\ndependencies = ["pcapcheck"]\n[tool.ruff]\n')
    assert find() == found
    (below.parent / "pyproject.toml").write_text('[tool.pcapcheck]\nfail-on = "note"\n')
    assert find() == ("../pyproject.toml", {"fail-on": "note"})
    (below.parent / "pcapcheck.toml").write_text('fail-on = "never"\n')
    assert find() == ("../pcapcheck.toml", {"fail-on": "never"})
    (below / "pcapcheck.toml").write_text("")
    assert find() == ("pcapcheck.toml", {})


def test_a_pyproject_of_others_is_not_even_parsed() -> None:
    Path("pyproject.toml").write_text("this is [ not TOML\n")
    assert find() is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('fail_on = "error"', "unknown key 'fail_on'; did you mean fail-on?"),
        ("zzz = 1", "unknown key 'zzz'; there are format, fail-on, require-handshakes, select, ignore, "),
        ('fail-on = "eror"', "fail-on: needed one of error, warning, note, info, never, found 'eror'; did you mean er"),
        ("fail-on = 3", "fail-on: needed one of error, warning, note, info, never, found 3"),
        ("fail-on = []", "fail-on: needed one of error, warning, note, info, never, found []"),
        ("select = 3", "select: needed a list of rules, found 3"),
        ('select = ["HS", 3]', "select[2]: needed a text, found 3"),
        ('select = ["HS99"]', "select[1]: needed a rule, the beginning of one, or a slug, found 'HS99'; did you mean "),
        ('ignore = ["connection-refusd"]', "ignore[1]: needed a rule, the beginning of one, or a slug, found"
         " 'connection-refusd'; did you mean connection-refused?"),
        ('severity = "note"', "severity: needed a table, as HS02 = \"warning\", found 'note'"),
        ('severity.HS02 = "bad"', "severity.HS02: needed one of error, warning, note, info, found 'bad'"),
        ('severity.HS02 = "never"', "severity.HS02: needed one of error, warning, note, info, found 'never'"),
        ('severity.XY = "note"', "severity.XY: needed a rule, the beginning of one, or a slug, found 'XY'"),
        ('overrides = ["x"]', "overrides[1]: needed a table, found 'x'"),
        ("[overrides]", "overrides: needed tables, as [[overrides]], found {}"),
        ('[[overrides]]\nignore = ["HS"]', "overrides[1]: needs paths, a list of patterns of file names"),
        ("[[overrides]]\npaths = []", "overrides[1]: needs paths, a list of patterns of file names"),
        ('[[overrides]]\npaths = ["x"]\nignor = []', "overrides[1]: unknown key 'ignor'; did you mean ignore?"),
        ('[[overrides]]\npaths = ["x"]\nseverity.HS02 = 1', "overrides[1].severity.HS02: needed one of "),
        ("expect = 3", "expect: needed tables, as [[expect]], or texts, found 3"),
        ("expect = [3]", "expect[1]: needed a text or a table, found 3"),
        ('[[expect]]\nname = "x"', "expect[1]: needs that, an expectation as 'refused == 0'"),
        ('[[expect]]\nthat = "refused = 0"', "expect[1].that, column 9: needed a comparison, found '='; "),
        ('expect = ["refused == 0", "refusd == 0"]', "expect[2], column 1: needed a number, a time, "),
        ('[[expect]]\nthat = "refused == 0"\nseverity = "x"', "expect[1].severity: needed one of error, "),
        ("\na = !", "Invalid value (at line 2, column 5)"),
        ("a = " + "[" * 5000, "too many brackets in each other"),
    ],
)  # fmt: skip
def test_mistakes(text: str, message: str) -> None:
    Path("pcapcheck.toml").write_text(text)
    with pytest.raises(UsageError) as raised:
        find()
    assert str(raised.value).startswith(f"pcapcheck.toml: {message}")


def test_other_files_that_are_none() -> None:
    Path("pcapcheck.toml").write_bytes(b"fail-on = '\xff'")
    with pytest.raises(UsageError, match=r"^pcapcheck.toml: at byte 11: TOML is written in UTF-8$"):
        find()
    Path("pyproject.toml").write_text("")
    with pytest.raises(UsageError, match=r"^pyproject.toml: there is no table \[tool.pcapcheck\]$"):
        read("pyproject.toml")
    with pytest.raises(UsageError, match=r"^missing\.toml: No such file or directory$"):
        read("missing.toml")
    with pytest.raises(UsageError, match=r"^\.: Is a directory$"):
        read(".")


def test_a_mistake_exits_with_2_and_points_at_it(capsys: pytest.CaptureFixture[str]) -> None:
    Path("pcapcheck.toml").write_text('[[expect]]\nthat = "refusd  ==  0"\n')
    assert main(["check", "."]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    first, *rest = printed.err.splitlines()
    assert first.startswith("pcapcheck: pcapcheck.toml: expect[1].that, column 1: needed ")
    assert rest == ["  refusd  ==  0", "  ^"]
