"""Imports go one way: a module imports only from modules to its left in the order of the flow."""

from __future__ import annotations

import ast
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import pytest

import pcapcheck

PACKAGE: Final = Path(pcapcheck.__file__).parent

# From left to right. Modules of one layer may import each other, but not in a circle.
ORDER: Final = [
    [
        "errors",
        "seq",
        "tables",
        "texts",
        "memory",
        "sorting",
        "scratch",
        "packed",
        "divided",
        "jobs",
        "_version",
        "_cython",
        "built",
    ],
    ["addresses"],
    ["capture.*"],
    ["columns_on_disk"],
    ["decode.*"],
    ["cell_layout"],
    ["rows"],
    ["rows_on_disk"],
    ["openings", "flood"],
    ["select", "window", "fingerprints"],
    ["neighbours", "numbering"],
    ["spilled"],
    ["cells"],
    ["reading"],
    ["attempts"],
    ["evidence"],
    ["faults", "faults.rows", "handshake", "rtt", "history", "offers"],
    ["regular_rows", "regular_flows", "reused", "named_rows", "smooth", "patterns"],
    ["stored", "traffic", "ordinary"],
    ["judge"],
    ["stretch"],
    ["side_by_side"],
    ["summary_file"],
    ["rotation"],
    ["sequence"],
    ["sightings"],
    ["taps"],
    ["contents"],
    ["faults.signs"],
    ["rules.*"],
    ["faults.softening"],
    ["diagnose", "diagnoses.*"],
    ["expect.*"],
    ["distribution", "totals", "judged"],
    ["report.*", "charts.*"],
    ["policy.*"],
    ["lone_syns", "known"],
    ["gather", "state"],
    ["run", "arguments"],
    ["cluster", "processes", "stream"],
    ["cli.*"],
    ["__main__"],
]
# Beside the flow: its modules see what makes a capture, and only the tests and the examples see them.
TESTING: Final = "testing.*"
SEEN_BY_TESTING: Final = ["errors", "seq", "capture.frame", "decode.segment", "testing.*"]
# The least that each top-level import costs is paid by every `pcapcheck check`.
SLOW: Final = {"pandas", "matplotlib", "rich", "IPython", "pyarrow", "scipy", "dask", "distributed"}
# Loaded only for those who ask for a DataFrame or a chart.
MAY_BE_SLOW: Final = ["report.frames", "report.parquet", "report.notebook", "charts.*", "cluster"]


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES: Final = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def matches(name: str, pattern: str) -> bool:
    return fnmatch(name, pattern) or (pattern.endswith(".*") and name == pattern[:-2])


def layer(name: str) -> int:
    found = [number for number, patterns in enumerate(ORDER) if any(matches(name, one) for one in patterns)]
    assert len(found) == 1, f"{name} has no place in ORDER"
    return found[0]


def imported(tree: ast.AST) -> set[str]:
    """The modules of the package that a module names in an import, wherever it stands, and in import_module()."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            base = node.module or ""
            names = [base] if base.removeprefix("pcapcheck.") in MODULES and base != "pcapcheck" else []
            names += [
                f"{base}.{alias.name}"
                for alias in node.names
                if f"{base}.{alias.name}".removeprefix("pcapcheck.") in MODULES
            ]
            # What the package itself offers stands to the right of everything.
            names += ["pcapcheck."] * (base == "pcapcheck" and len(names) < len(node.names))
        else:
            continue
        found.update(name.removeprefix("pcapcheck.") for name in names if name.startswith("pcapcheck."))
    return found


def parsed(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


FLOW: Final = [name for name in MODULES if name and not matches(name, TESTING) and name != "pytest_plugin"]


@pytest.mark.parametrize("name", FLOW)
def test_imports_go_one_way(name: str) -> None:
    for other in imported(parsed(name)):
        if not other:
            assert name == "cli.version", f"{name} imports from pcapcheck itself"
            continue
        assert not matches(other, TESTING), f"{name} imports {other}"
        assert layer(other) <= layer(name), f"{name} imports {other}, which stands to its right"


# At the right end, as the command line: what it does for a person, this does for a test.
ASSERTIONS: Final = "testing.assertions"


@pytest.mark.parametrize("name", [name for name in MODULES if matches(name, TESTING) and name != ASSERTIONS])
def test_testing_stands_beside(name: str) -> None:
    for other in imported(parsed(name)):
        assert any(matches(other, pattern) for pattern in SEEN_BY_TESTING), f"{name} imports {other}"


def test_no_circles() -> None:
    """Of what is imported when a module is loaded; a function may import what imports its module."""
    waiting = {}
    for name in filter(None, MODULES):
        at_once = [node for node in parsed(name).body if isinstance(node, ast.Import | ast.ImportFrom)]
        waiting[name] = imported(ast.Module(at_once, [])) - {name}
    while waiting:
        free = [name for name, others in waiting.items() if not others & waiting.keys()]
        assert free, f"a circle among {sorted(waiting)}"
        waiting = {name: others for name, others in waiting.items() if name not in free}


def test_nobody_imports_the_command_line() -> None:
    def of_the_command_line(name: str) -> bool:
        return matches(name, "cli.*")

    others = [name for name in MODULES if not of_the_command_line(name)]
    assert [name for name in others if any(map(of_the_command_line, imported(parsed(name))))] == ["__main__"]


@pytest.mark.parametrize("name", [name for name in FLOW if not any(matches(name, one) for one in MAY_BE_SLOW)])
def test_slow_libraries_are_imported_only_when_asked_for(name: str) -> None:
    for node in parsed(name).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            assert not {one.partition(".")[0] for one in names} & SLOW, f"{name} imports {names} at once"


@pytest.mark.parametrize("name", [name for name in FLOW if name != "seq" and not matches(name, "capture.*")])
def test_sequence_numbers_are_reckoned_in_one_place(name: str) -> None:
    """What compares sequence numbers does it through seq.py, and knows no modulus of its own."""
    source = MODULES[name].read_text(encoding="utf-8").lower().replace(" ", "").replace("_", "")
    assert "0xffffffff" not in source
    assert "2**32" not in source
