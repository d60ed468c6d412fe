"""The compiled module, which pyproject.toml cannot leave out on request; all else stands there."""

import os

from setuptools import Extension, setup

compiled = Extension(
    "pcapcheck.decode.compiled",
    ["pcapcheck/decode/compiled.py"],
    # Debug information holds the path of the build: without it, equal sources give equal wheels.
    extra_compile_args=[] if os.name == "nt" else ["-g0"],
    optional=True,
)

setup(ext_modules=[] if os.environ.get("PCAPCHECK_NO_EXTENSION", "0") not in ("", "0") else [compiled])
