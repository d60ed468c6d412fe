"""The action, the hook and the workflows of the docs: valid, and run command by command in a sample repository.

What they write is read back by others: a JSON schema, ElementTree, the schemas of GitHub and GitLab, pre-commit.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from pcapcheck.testing import parse_exchange

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "howto" / "ci.md").read_text(encoding="utf-8")
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
BIN = Path(sys.executable).parent

WRONG = "+0 > S 0 <mss 1460>\n+.02 < S. 0 ack 7 <mss 1460>"


def workflow(heading: str) -> str:
    """The sample below a heading of the page."""
    found = re.search(rf"^## {heading}\n.*?^```(?:yaml|groovy)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def run(
    script: str | list[str], folder: Path, *, code: int | None = 0, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a script by bash, or a program, in a folder, with pcapcheck on the path."""
    done = subprocess.run(
        ["bash", "-c", script] if isinstance(script, str) else script,
        cwd=folder,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PCAPCHECK_"))},
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert code is None or done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with captures, a policy, and other files; one capture is wrong."""
    folder = tmp_path / "repository"
    (folder / "captures" / "legacy").mkdir(parents=True)
    (folder / "src").mkdir()
    (folder / "src" / "main.py").write_text("print('hello')\n")
    (folder / "README.md").write_text("# A project\n")
    (folder / "pcapcheck.toml").write_text(
        'ignore = ["TM"]\nexpect = ["established >= 0"]\n\n'
        '[[overrides]]\npaths = ["captures/legacy/**"]\nseverity.HS02 = "note"\nignore = ["OC"]\n'
    )
    shutil.copy(ROOT / "sample_captures" / "close_four_way.pcap", folder / "captures" / "good.pcap")
    parse_exchange(WRONG).write_pcap(folder / "captures" / "legacy" / "old.pcap")
    run(["git", "init", "-q"], folder)
    run(["git", "add", "-A"], folder)
    return folder


def break_it(repository: Path) -> None:
    parse_exchange(WRONG).write_pcap(repository / "captures" / "new.pcap")
    run(["git", "add", "-A"], repository)


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ("vendor.github-actions", (ROOT / "action.yml").read_text(encoding="utf-8")),
        ("vendor.github-workflows", workflow("GitHub")),
        ("vendor.gitlab-ci", workflow("GitLab")),
    ],
    ids=["action.yml", "GitHub", "GitLab"],
)
def test_they_are_valid(schema: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "file.yml"
    path.write_text(text)
    run(["check-jsonschema", "--builtin-schema", schema, str(path)], tmp_path)
    path.write_text(text.replace("runs-on:", "run-on:").replace("using:", "use:").replace("script:", "scripts:"))
    run(["check-jsonschema", "--builtin-schema", schema, str(path)], tmp_path, code=1)


def test_the_manifest_of_the_hook_is_valid(tmp_path: Path) -> None:
    run(["pre-commit", "validate-manifest", str(ROOT / ".pre-commit-hooks.yaml")], tmp_path)
    (tmp_path / "config.yaml").write_text(workflow("pre-commit"))
    run(["pre-commit", "validate-config", "config.yaml"], tmp_path)


def test_the_workflow_uses_inputs_that_the_action_has() -> None:
    (step,) = [
        one for one in yaml.safe_load(workflow("GitHub"))["jobs"]["handshakes"]["steps"] if "OWNER" in one["uses"]
    ]
    assert set(step["with"]) <= set(ACTION["inputs"])
    named = set(re.findall(r"`([a-z-]+)`", "".join(re.findall(r"^\| (`[a-z].*?) \|", PAGE, re.MULTILINE))))
    assert named == set(ACTION["inputs"])


def test_no_input_is_pasted_into_a_script() -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step["run"]
    used = {value for step in ACTION["runs"]["steps"] for value in step["env"].values()}
    assert used == {f"${{{{ inputs.{name} }}}}" for name in ACTION["inputs"]}


def action(repository: Path, tmp_path: Path, code: int | None, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run the action's own script of the second step with these inputs, as the runner does."""
    place = tmp_path / "runner" / "pcapcheck" / "bin"
    place.mkdir(parents=True, exist_ok=True)
    if not (place / "pcapcheck").exists():
        (place / "pcapcheck").symlink_to(BIN / "pcapcheck")
    step = ACTION["runs"]["steps"][1]
    given = {name: one["default"] for name, one in ACTION["inputs"].items()} | {
        name.replace("_", "-"): value for name, value in inputs.items()
    }
    variables = {
        variable: given[value.removeprefix("${{ inputs.").removesuffix(" }}")]
        for variable, value in step["env"].items()
    }
    return run(
        step["run"],
        repository,
        code=code,
        RUNNER_TEMP=str(tmp_path / "runner"),
        GITHUB_STEP_SUMMARY=str(tmp_path / "summary.md"),
        **variables,
    )


def test_the_action(repository: Path, tmp_path: Path) -> None:
    done = action(repository, tmp_path, 0, paths="captures", sarif_file="pcapcheck.sarif")
    assert "::error" not in done.stdout
    assert (tmp_path / "summary.md").read_text(encoding="utf-8")
    break_it(repository)
    done = action(repository, tmp_path, 1, paths="captures", sarif_file="pcapcheck.sarif", junit_file="out.xml")
    assert re.search(r"^::error file=captures/new\.pcap,.*HS02", done.stdout, re.MULTILINE)
    assert "HS02" in (tmp_path / "summary.md").read_text(encoding="utf-8")
    (sarif,) = json.loads((repository / "pcapcheck.sarif").read_text())["runs"]
    errors = [one for one in sarif["results"] if one["level"] == "error"]
    places = [one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in errors]
    assert [(one["ruleId"], place) for one, place in zip(errors, places, strict=True)] == [
        ("HS02", "captures/new.pcap")
    ]
    assert ElementTree.parse(repository / "out.xml").getroot().get("failures") == "1"
    action(repository, tmp_path, 0, paths="captures\n\n", fail_on="never", annotations="false", summary="false")


def test_inputs_of_the_action_are_words_not_scripts(repository: Path, tmp_path: Path) -> None:
    done = action(repository, tmp_path, 2, paths="captures\n$(touch hacked)\n; touch hacked\n--help", fail_on="error")
    assert not (repository / "hacked").exists()
    assert "touch hacked" in done.stderr
    done = action(repository, tmp_path, 2, paths="captures", fail_on="error; touch hacked")
    assert not (repository / "hacked").exists()


def test_the_action_passes_on_the_other_inputs(repository: Path, tmp_path: Path) -> None:
    break_it(repository)
    run("pcapcheck baseline captures -o known.json", repository)
    action(repository, tmp_path, 0, paths="captures", baseline="known.json")
    action(repository, tmp_path, 1, paths="captures/good.pcap", require_handshakes="2")
    (repository / "other.toml").write_text('fail-on = "never"\n')
    action(repository, tmp_path, 0, paths="captures", config="other.toml")


def test_gitlab(repository: Path) -> None:
    job = yaml.safe_load(workflow("GitLab"))["handshakes"]
    install, check = job["script"]
    assert install.startswith("pip install ")
    reports = job["artifacts"]["reports"]
    run(check, repository)
    break_it(repository)
    run(check, repository, code=1)
    issues = json.loads((repository / reports["codequality"]).read_text())
    broken = [one for one in issues if one["location"]["path"] == "captures/new.pcap"]
    assert "HS02" in {one["check_name"].split()[0] for one in broken}
    assert len({one["fingerprint"] for one in issues}) == len(issues)
    assert ElementTree.parse(repository / reports["junit"]).getroot().get("failures") == "1"


def test_jenkins(repository: Path) -> None:
    text = workflow("Jenkins")
    (script,) = re.findall(r"sh '''(.*?)'''", text, re.DOTALL)
    *prepare, check = [line.strip() for line in script.strip().splitlines()]
    assert [line.split()[0] for line in prepare] == ["python3", ".venv/bin/pip"]
    break_it(repository)
    run(check.removeprefix(".venv/bin/"), repository, code=1)
    for name in re.findall(r"junit '(\S+)'|pattern: '(\S+)'", text):
        assert (repository / "".join(name)).stat().st_size > 100


def test_pre_commit(repository: Path, tmp_path: Path) -> None:
    """With the hook as it stands in the manifest, but for the environment that pre-commit would make for it."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    config = {"repos": [{"repo": "local", "hooks": [{**hook, "language": "system"}]}]}
    (repository / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    home = {"PRE_COMMIT_HOME": str(tmp_path / "home")}
    done = run(["pre-commit", "run", "--all-files"], repository, **home)
    assert re.search(r"^pcapcheck\.+Passed$", done.stdout, re.MULTILINE)
    break_it(repository)
    done = run(["pre-commit", "run", "--all-files"], repository, code=1, **home)
    assert "HS02" in done.stdout
    (repository / "captures" / "new.pcap").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    )
    run(["git", "add", "-A"], repository)
    done = run(["pre-commit", "run", "--all-files"], repository, code=1, **home)
    assert "this is a Git LFS pointer" in done.stdout or "run git lfs pull" in done.stdout
    assert "- exit code: 2" in done.stdout


def test_the_policy_is_found_from_a_folder_of_the_repository(repository: Path) -> None:
    done = run("pcapcheck check old.pcap --format jsonl", repository / "captures" / "legacy")
    (row,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["rule"], one["severity"]) for one in row["findings"] if one["rule"] == "HS02"] == [("HS02", "note")]


@pytest.mark.slow
def test_the_action_installs_itself(tmp_path: Path) -> None:
    """The first step, from a copy of this tree, as the runner checks it out."""
    step = ACTION["runs"]["steps"][0]
    tree = tmp_path / "action"
    ignored = shutil.ignore_patterns(".*", "__pycache__", "tests", "docs", "benchmarks", "*.so", "*.pyd", "build")
    shutil.copytree(ROOT, tree, ignore=ignored)
    run(step["run"], tmp_path, PYTHON=sys.executable, RUNNER_TEMP=str(tmp_path), GITHUB_ACTION_PATH=str(tree))
    done = run([str(tmp_path / "pcapcheck" / "bin" / "pcapcheck"), "--version"], tmp_path)
    assert done.stdout.startswith("pcapcheck ")
