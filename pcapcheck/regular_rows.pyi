# What regular_rows.py gives, for type checkers: Cython checks its inside.

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pcapcheck.rows import Rows

COMPILED: Final[bool]
FEW_ROWS: Final[int]
SMALL_STEP: Final[int]

class Walk:
    def __init__(self, rows: Rows, secret: int) -> None: ...
    def walk(self) -> None: ...
    def events(self) -> npt.NDArray[np.int8]: ...
    def sides(self) -> npt.NDArray[np.bool_]: ...
    def parts(self) -> dict[str, npt.NDArray[Any]]: ...
