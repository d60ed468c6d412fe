"""What mypy has to know of Cython's pure Python mode: to Python its numbers are ints. (Cython ships no types.)"""

Py_ssize_t = int
ulonglong = int
