"""A run without `lager python`: what plain Python runs in its environment."""

import sys

PYTHON = sys.executable
ON = {"LAGER_PROCESS_ID": "4f0c4a52-3a8e-4c62-a2c1-3b35a1c9c001"}
