"""The build: what it asks for, what is in the wheel, and that the compiled modules are their source, only faster."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from email.parser import Parser
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import ZipFile

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pcapcheck._version import __version__
from pcapcheck.built import SOURCES as COMPILED

ROOT = Path(__file__).parents[1]
SOURCES = ["LICENSE", "MANIFEST.in", "README.md", "pcapcheck", "pyproject.toml", "setup.py", "tools"]
EXTENSIONS = [f"pcapcheck/{name.removesuffix('.py')}{sysconfig.get_config_var('EXT_SUFFIX')}" for name in COMPILED]
EXTENSION = EXTENSIONS[0]
ASK = """
from pcapcheck import regular_rows
from pcapcheck.decode import compiled
print(compiled.COMPILED, regular_rows.COMPILED)
"""
HOOK = """
import json, sys
sys.path.insert(0, "tools")
import build_backend
answer = getattr(build_backend, sys.argv[1])(*sys.argv[2:])
print(json.dumps(answer))
"""


def copy_of_the_tree(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd", "*.source")
            shutil.copytree(ROOT / name, folder / name, ignore=ignore)
        else:
            shutil.copy(ROOT / name, folder)
    return folder


def run_hook(source: Path, hook: str, *arguments: str, **environment: str) -> tuple[Any, str]:
    """What a hook of the build backend answers, and what it says on stderr."""
    keep = {name: value for name, value in os.environ.items() if name != "PCAPCHECK_NO_EXTENSION"}
    done = subprocess.run(
        [sys.executable, "-B", "-c", HOOK, hook, *arguments],
        cwd=source,
        env=keep | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def build(source: Path, folder: Path, **environment: str) -> Path:
    folder.mkdir()
    name, _ = run_hook(source, "build_wheel", str(folder), **environment)
    return folder / name


def files_below(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*")}


def load(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_the_tree(tmp_path_factory.mktemp("packaging") / "source")


@pytest.fixture(scope="session")
def has_compiler(source: Path) -> bool:
    return "ziglang" not in run_hook(source, "get_requires_for_build_wheel")[0]


@pytest.fixture(scope="session")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(source, tmp_path_factory.mktemp("packaging") / "wheel")


@pytest.fixture(scope="session")
def plain_wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(source, tmp_path_factory.mktemp("packaging") / "plain", PCAPCHECK_NO_EXTENSION="1")


@pytest.fixture(scope="session")
def interpreted() -> ModuleType:
    return load("interpreted", ROOT / "pcapcheck/decode/compiled.py")


@pytest.fixture(scope="session")
def compiled(wheel: Path, has_compiler: bool, tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The extension module of this tree: just built, or where no compiler is, the one that was installed."""
    if has_compiler:
        folder = tmp_path_factory.mktemp("packaging") / "unpacked"
        with ZipFile(wheel) as archive:
            archive.extract(EXTENSION, folder)
        return load("pcapcheck.decode.compiled", folder / EXTENSION)
    installed = Path(sysconfig.get_path("platlib")) / EXTENSION
    if not installed.exists():
        pytest.skip("no compiler, and no compiled module is installed")
    in_the_tree = ROOT / "pcapcheck/decode/compiled.py"
    assert installed.with_name("compiled.py").read_bytes() == in_the_tree.read_bytes(), "reinstall pcapcheck"
    return load("pcapcheck.decode.compiled", installed)


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_nothing_else(source: Path, wheel: Path, has_compiler: bool) -> None:
    below = (source / "pcapcheck").rglob("*")
    expected = {
        str(path.relative_to(source))
        for path in below
        if path.suffix in (".py", ".pyi", ".css", ".js", ".j2", ".mplstyle", ".toml", ".typed")
    }
    expected |= set(EXTENSIONS) if has_compiler else set()
    info = f"pcapcheck-{__version__}.dist-info"
    names = set(ZipFile(wheel).namelist())
    assert {name for name in names if not name.startswith(info)} == expected
    assert f"{info}/licenses/LICENSE" in names


def test_the_wheel_names_version_licence_and_command(wheel: Path) -> None:
    info = f"pcapcheck-{__version__}.dist-info"
    with ZipFile(wheel) as archive:
        metadata = Parser().parsestr(archive.read(f"{info}/METADATA").decode())
        entry_points = archive.read(f"{info}/entry_points.txt").decode()
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert "pcapcheck = pcapcheck.cli:main" in entry_points


@pytest.mark.slow
def test_equal_sources_give_equal_wheels_and_leave_no_files(wheel: Path, tmp_path: Path) -> None:
    source = copy_of_the_tree(tmp_path / "elsewhere" / "under another name")
    before = files_below(source)
    again = build(source, tmp_path / "wheel")
    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()
    assert files_below(source) == before


def test_the_extension_can_be_left_out(plain_wheel: Path) -> None:
    assert plain_wheel.name.endswith("-py3-none-any.whl")
    names = set(ZipFile(plain_wheel).namelist())
    assert {f"pcapcheck/{source}" for source in COMPILED} <= names
    assert not names & set(EXTENSIONS)


@pytest.mark.skipif(os.name == "nt", reason="setuptools finds MSVC without the PATH")
def test_a_compiler_is_asked_for_only_where_there_is_none(source: Path) -> None:
    hook = "get_requires_for_build_wheel"
    assert "ziglang" in run_hook(source, hook, CC="no-such-compiler")[0]
    assert "ziglang" in run_hook(source, "get_requires_for_build_editable", CC="no-such-compiler")[0]
    assert "ziglang" not in run_hook(source, hook, CC="no-such-compiler", PCAPCHECK_NO_EXTENSION="1")[0]


@pytest.mark.skipif(os.name == "nt", reason="setuptools finds MSVC without the PATH")
@pytest.mark.skipif(importlib.util.find_spec("ziglang") is not None, reason="ziglang is a working compiler")
def test_no_compiler_at_all_still_gives_a_wheel_and_says_so(source: Path, tmp_path: Path) -> None:
    name, said = run_hook(source, "build_wheel", str(tmp_path), CC="no-such-compiler")
    assert name == f"pcapcheck-{__version__}-py3-none-any.whl"
    assert "pcapcheck: no C compiler works here: installing without the compiled modules" in said


def test_python_prefers_the_compiled_modules_to_their_sources(wheel: Path, has_compiler: bool, tmp_path: Path) -> None:
    if not has_compiler:
        pytest.skip("no compiler")
    ZipFile(wheel).extractall(tmp_path)
    assert subprocess.check_output([sys.executable, "-c", ASK], cwd=tmp_path, text=True) == "True True\n"


@pytest.mark.slow
def test_an_editable_installation_runs_only_what_was_built_from_its_source(has_compiler: bool, tmp_path: Path) -> None:
    if not has_compiler:
        pytest.skip("no compiler")
    tree = copy_of_the_tree(tmp_path / "tree")

    def answer() -> str:
        done = subprocess.run([sys.executable, "-c", ASK], cwd=tree, capture_output=True, text=True, check=False)
        return done.stdout or done.stderr.splitlines()[-1]

    run_hook(tree, "build_editable", str(tmp_path))
    assert answer() == "True True\n"
    for name, extension in zip(COMPILED, EXTENSIONS, strict=True):
        source = tree / "pcapcheck" / name
        built_from = source.read_text()
        source.write_text(f"{built_from}# changed\n")
        where = f"{source} that is there now: pip install -e ."
        assert answer() == f"pcapcheck.errors.PcapcheckError: {Path(extension).name} was not built from the {where}"
        source.write_text(built_from)
    run_hook(tree, "build_editable", str(tmp_path), PCAPCHECK_NO_EXTENSION="1")
    assert answer() == "False False\n"
    for extension in EXTENSIONS:
        assert not list((tree / extension).parent.glob(f"{Path(extension).name}*"))


@pytest.mark.parametrize("which", range(len(COMPILED)))
def test_the_command_says_in_one_line_that_a_compiled_module_is_stale(
    which: int, plain_wheel: Path, tmp_path: Path
) -> None:
    source, extension = COMPILED[which], EXTENSIONS[which]
    ZipFile(plain_wheel).extractall(tmp_path)
    (tmp_path / extension).touch()
    (tmp_path / f"{extension}.source").write_text("of another")
    command = [sys.executable, "-m", "pcapcheck", "check", str(ROOT / "sample_captures/handshakes.pcap")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"pcapcheck: {Path(extension).name} was not built from the ")
    assert done.stderr.endswith(f"{Path(source).name} that is there now: pip install -e .\n")
    assert done.stderr.count("\n") == 1


def test_the_sources_run_without_cython(plain_wheel: Path, tmp_path: Path) -> None:
    ZipFile(plain_wheel).extractall(tmp_path)
    ask = """
import sys
sys.modules["cython"] = sys.modules["Cython"] = None
import pcapcheck
print(pcapcheck.check(sys.argv[1]).summary().splitlines()[0])
"""
    command = [sys.executable, "-c", ask, str(ROOT / "sample_captures/handshakes.pcap")]
    said = subprocess.check_output(command, cwd=tmp_path, text=True)
    assert said == "19 handshakes: 12 established, 7 failed\n"


def test_each_form_says_which_it_is(interpreted: ModuleType, compiled: ModuleType) -> None:
    assert interpreted.COMPILED is False
    assert compiled.COMPILED is True


def test_ones_complement_sum_of_rfc_1071(interpreted: ModuleType) -> None:
    # The example of RFC 1071, section 3.
    assert interpreted.ones_complement_sum(bytes.fromhex("0001f203f4f5f6f7")) == 0xDDF2


@given(octets=st.binary(max_size=100), start=st.integers(0, 2**32 - 1))
@example(octets=b"", start=0)
@example(octets=b"\xff" * 65535, start=2**32 - 1)
def test_both_forms_give_the_one_complement_sum(
    interpreted: ModuleType, compiled: ModuleType, octets: bytes, start: int
) -> None:
    words = int.from_bytes(octets + b"\0" * (len(octets) % 2))
    # The sum is the remainder modulo 2^16-1, but only nothing sums up to zero.
    expected = (words + start) % 0xFFFF or (0xFFFF if words + start else 0)
    assert interpreted.ones_complement_sum(octets, start) == expected
    assert compiled.ones_complement_sum(octets, start) == expected
