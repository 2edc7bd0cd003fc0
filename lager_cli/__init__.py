"""The `lager` command."""

import os
import sys

# What PYTHONPATH names is a folder of the user's scripts, as a rule: a secrets.py there is none of ours.
_theirs = {os.path.abspath(path) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path}
sys.path.sort(key=lambda path: bool(path) and os.path.abspath(path) in _theirs)
