"""`python -m weft` is the same as `weft`.

Knows the way to the command line and hands on its exit code. Refuses to know anything else:
what is asked for is read in `cli/main.py`.
"""

from __future__ import annotations

import sys

from weft.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
