"""``python -m dsr_core``: the command line, where ``dsr-core`` is not on the PATH."""

import sys

from dsr_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
