"""The compiled modules, which pyproject.toml cannot leave out on request; all else stands there."""

import os

from setuptools import Extension, setup

MODULES = ["pcapcheck.decode.compiled", "pcapcheck.regular_rows"]

compiled = [
    Extension(
        name,
        [f"{name.replace('.', '/')}.py"],
        # Debug information holds the path of the build: without it, equal sources give equal wheels.
        extra_compile_args=[] if os.name == "nt" else ["-g0"],
        optional=True,
    )
    for name in MODULES
]

setup(ext_modules=[] if os.environ.get("PCAPCHECK_NO_EXTENSION", "0") not in ("", "0") else compiled)
