"""``python -m pcapcheck`` is the command ``pcapcheck``."""

import sys

from pcapcheck.cli import main

if __name__ == "__main__":
    sys.exit(main())
