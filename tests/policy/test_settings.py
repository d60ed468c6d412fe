"""Command line, then environment, then file, then default; and what `pcapcheck config` says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pcapcheck.cli import main
from pcapcheck.errors import UsageError
from pcapcheck.expect.ask import Asked
from pcapcheck.expect.parser import parse
from pcapcheck.policy.settings import settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_order() -> None:
    file, variable, option = {}, {"PCAPCHECK_FAIL_ON": "note"}, {"fail-on": "info"}
    assert settings(file, environment={}).all["fail-on"] == ("error", "default")
    Path("pcapcheck.toml").write_text('fail-on = "warning"\nignore = ["HS"]\nexpect = ["refused == 0"]\n')
    assert settings({}, environment={}).all["fail-on"] == ("warning", "pcapcheck.toml")
    assert settings({}, environment=variable).all["fail-on"] == ("note", "PCAPCHECK_FAIL_ON")
    assert settings(option, environment=variable).all["fail-on"] == ("info", "--fail-on")
    assert settings({"fail-on": None}, environment={"PCAPCHECK_FAIL_ON": ""}).all["fail-on"][1] == "pcapcheck.toml"
    # A list takes the place of the file's; expectations are asked besides.
    both = settings({"ignore": ("OC",), "expect": (Asked(parse("aborted == 0")),)}, environment={})
    assert both["ignore"] == ("OC",)
    assert [one.expectation.text for one in both["expect"]] == ["refused == 0", "aborted == 0"]
    assert both.all["expect"].origin == "pcapcheck.toml and --expect"


def test_which_file() -> None:
    Path("pcapcheck.toml").write_text('fail-on = "warning"\n')
    Path("other.toml").write_text('fail-on = "note"\n')
    assert settings({}, environment={"PCAPCHECK_CONFIG": "other.toml"})["fail-on"] == "note"
    assert settings({}, config="pcapcheck.toml", environment={"PCAPCHECK_CONFIG": "other.toml"})["fail-on"] == "warning"
    assert settings({}, isolated=True, environment={})["fail-on"] == "error"
    with pytest.raises(UsageError, match="--isolated reads no policy file"):
        settings({}, config="other.toml", isolated=True, environment={})


def test_a_mistake_in_the_environment() -> None:
    with pytest.raises(UsageError, match=r"^PCAPCHECK_FAIL_ON: needed one of error, .* did you mean error"):
        settings({}, environment={"PCAPCHECK_FAIL_ON": "eror"})
    with pytest.raises(UsageError, match=r"^PCAPCHECK_SELECT: \[2\]: needed a rule"):
        settings({}, environment={"PCAPCHECK_SELECT": "HS, XX"})


def test_selecting_on_the_command_line_goes_before_what_is_selected_for_some_captures() -> None:
    Path("pcapcheck.toml").write_text('[[overrides]]\npaths = ["*"]\nselect = ["HS"]\nignore = ["HS05"]\n')
    assert set(settings({}, environment={}).policy.rules_for("a")) == set(
        settings({}, environment={}).policy._replace(select=("HS",), ignore=("HS05",), overrides=()).rules_for("a")
    )
    chosen = settings({"select": ("OC", "HS05")}, environment={}).policy.rules_for("a")
    assert {name[:2] for name in chosen} == {"OC"}


def test_config_as_text(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("pcapcheck.toml").write_text(
        'ignore = ["HS05", "OP"]\n[severity]\nOC = "note"\nHS02 = "warning"\n'
        '[[overrides]]\npaths = ["old/**"]\nignore = ["HS10"]\nseverity.HS02 = "info"\n'
        '[[expect]]\nthat = \'p95(server_rtt) < "80ms"\'\nname = "quick"\nseverity = "note"\n'
    )
    monkeypatch.setenv("PCAPCHECK_FAIL_ON", "never")
    assert main(["config"]) == 0
    assert capsys.readouterr().out == (
        "policy file: pcapcheck.toml\n"
        "\n"
        "format              text                      default\n"
        "fail-on             never                     PCAPCHECK_FAIL_ON\n"
        "require-handshakes  0                         default\n"
        "select              (all)                     default\n"
        "ignore              HS05, OP                  pcapcheck.toml\n"
        "baseline            (none)                    default\n"
        "severity                                      pcapcheck.toml\n"
        "  OC = note\n"
        "  HS02 = warning\n"
        "overrides                                     pcapcheck.toml\n"
        "  old/**: ignore HS10; HS02 = info\n"
        "expect                                        pcapcheck.toml\n"
        '  p95(server_rtt) < "80ms" (quick, note)\n'
    )
    assert main(["config", "--isolated"]) == 0
    assert capsys.readouterr().out.startswith("policy file: none\n")


def test_config_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    Path("pcapcheck.toml").write_text(
        '[severity]\nOC = "note"\n[[overrides]]\npaths = ["old/**"]\nselect = ["HS"]\n'
        '[[expect]]\nthat = "refused == 0"\nname = "quick"\n'
    )
    assert main(["config", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "policy_file": "pcapcheck.toml",
        "settings": {
            "format": {"value": "text", "from": "default"},
            "fail-on": {"value": "error", "from": "default"},
            "require-handshakes": {"value": 0, "from": "default"},
            "select": {"value": [], "from": "default"},
            "ignore": {"value": [], "from": "default"},
            "baseline": {"value": "", "from": "default"},
            "severity": {"value": {"OC": "note"}, "from": "pcapcheck.toml"},
            "overrides": {
                "value": [{"paths": ["old/**"], "select": ["HS"], "ignore": [], "severity": {}}],
                "from": "pcapcheck.toml",
            },
            "expect": {
                "value": [{"that": "refused == 0", "name": "quick", "severity": ""}],
                "from": "pcapcheck.toml",
            },
        },
    }
