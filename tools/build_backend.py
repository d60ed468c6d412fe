"""pcapcheck's PEP 517 backend: setuptools, with a C compiler from the package index where the machine has none.

Setuptools does the work. Around it: whatever a build writes on its way goes into a temporary folder, equal sources
give equal wheels, and the compiled modules are built with the machine's compiler, else with the one of the package
``ziglang``, else not at all: the same files then run as plain Python.

PCAPCHECK_NO_EXTENSION=1 leaves the compiled modules out.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shlex
import sys
import sysconfig
import tempfile
import zlib
from pathlib import Path

from setuptools import build_meta
from setuptools.build_meta import (
    build_sdist,
    get_requires_for_build_sdist,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

# After setuptools, which puts its own copy in place of the one that Python 3.12 dropped.
from distutils.ccompiler import new_compiler  # isort: skip
from distutils.errors import CCompilerError, DistutilsError  # isort: skip
from distutils.sysconfig import customize_compiler  # isort: skip

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

_NO_EXTENSION = "PCAPCHECK_NO_EXTENSION"

# Where ziglang has wheels: to ask for it elsewhere would end the installation. Windows is not among them, as
# setuptools calls nothing but MSVC there.
_ZIG_MACHINES = {
    "darwin": ("arm64", "x86_64"),
    "linux": ("aarch64", "armv7l", "i686", "ppc64le", "riscv64", "s390x", "x86_64"),
}

# A frontend runs each hook in a process of its own: the folder goes when that ends.
_scratch_folder = tempfile.TemporaryDirectory(prefix="pcapcheck-build-")
_scratch = Path(_scratch_folder.name)
_settings = _scratch / "setup.cfg"
_settings.write_text(
    f"[build]\nbuild_base = {_scratch / 'build'}\n"
    f"[egg_info]\negg_base = {_scratch}\n"
    "[build_ext]\ncython_c_in_temp = 1\n"
)
os.environ["DIST_EXTRA_CONFIG"] = str(_settings)
os.environ.setdefault("SOURCE_DATE_EPOCH", "315532800")  # 1980-01-01, the first day of a zip file


def get_requires_for_build_wheel(config_settings=None):
    """What setuptools asks for, and ziglang where the compiled modules are wanted and no compiler works."""
    requires = build_meta.get_requires_for_build_wheel(config_settings)
    has_zig = platform.machine() in _ZIG_MACHINES.get(sys.platform, ())
    return [*requires, "ziglang"] if has_zig and _extension_wanted() and not _compiles() else requires


get_requires_for_build_editable = get_requires_for_build_wheel


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """A wheel, with the compiled modules where any compiler works."""
    _choose_compiler()
    return build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    """An editable wheel; each compiled module is put beside its source, with a note of which it was built from."""
    _choose_compiler()
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    for earlier in _below(f"{suffix}.source", suffix):
        earlier.unlink()  # or it would be there still where nothing can be built
    built_from = {source: zlib.crc32(source.read_bytes()) for source in _below(".py")}
    name = build_meta.build_editable(wheel_directory, config_settings, metadata_directory)
    for module in _below(suffix):
        source = module.with_name(f"{module.name.removesuffix(suffix)}.py")
        Path(f"{module}.source").write_text(str(built_from[source]))  # as pcapcheck/built.py asks for it
    return name


def _below(*suffixes):
    """The files of the package with these ends."""
    return [path for suffix in suffixes for path in Path("pcapcheck").rglob(f"*{suffix}")]


def _extension_wanted() -> bool:
    return os.environ.get(_NO_EXTENSION, "0") in ("", "0")


def _choose_compiler() -> None:
    """The environment that makes setuptools use a compiler that works, or build without one."""
    if not _extension_wanted() or _compiles():
        return
    ziglang = importlib.util.find_spec("ziglang")
    if ziglang and ziglang.origin:
        _use_zig(Path(ziglang.origin).with_name("zig"))
        if _compiles():
            return
    os.environ[_NO_EXTENSION] = "1"
    print("pcapcheck: no C compiler works here: installing without the compiled modules (slower)", file=sys.stderr)


def _use_zig(zig: Path) -> None:
    # Zig compiles for the very processor at hand unless told otherwise, and wheels travel.
    compiler = f"{shlex.quote(str(zig))} cc -mcpu=baseline"
    link = "-shared -undefined dynamic_lookup" if sys.platform == "darwin" else "-shared"
    os.environ.update(
        CC=compiler,
        LDSHARED=f"{compiler} {link}",
        # In place of the flags that Python was built with: those are for another compiler.
        CFLAGS="-O2 -DNDEBUG -fwrapv -fPIC -g0",
        ZIG_GLOBAL_CACHE_DIR=str(_scratch / "zig"),
        ZIG_LOCAL_CACHE_DIR=str(_scratch / "zig"),
    )


def _compiles() -> bool:
    """Whether the compiler that setuptools would call is there, works, and finds Python's headers."""
    source = _scratch / "probe.c"
    source.write_text("#include <Python.h>\n")
    try:
        compiler = new_compiler()
        customize_compiler(compiler)
        include = [sysconfig.get_path(name) for name in ("include", "platinclude")]
        compiler.compile([str(source)], output_dir=str(_scratch), include_dirs=include)
    except (CCompilerError, DistutilsError):
        return False
    return True
