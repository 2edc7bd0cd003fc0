"""The `lager` command."""

import os
import sys

# PYTHONPATH usually names folders of the user's scripts: a secrets.py there must not replace a module that we import.
_theirs = {os.path.abspath(path) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path}
sys.path.sort(key=lambda path: bool(path) and os.path.abspath(path) in _theirs)
