"""``python -m aicsio``: the command line."""

import sys

from aicsio.cli import main

if __name__ == "__main__":
    sys.exit(main())
