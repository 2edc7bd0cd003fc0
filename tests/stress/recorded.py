"""`python recorded.py SOCKET`: a lagerd that is configured as on a box, and whose journal is at SOCKET."""

import sys
from pathlib import Path

from lagerd import main
from lagerd.journal import audit

audit.to_journal.__defaults__ = (Path(sys.argv.pop(1)),)
sys.argv += ["--config", "/dev/null"]
main.main()
