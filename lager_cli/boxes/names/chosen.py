"""Decides where a command without --box runs. Most commands run here, so this module imports nothing."""

import os

from lager import variables
from lager_cli.linux import home


def chosen() -> str | None:
    """Return the box of LAGER_BOX, else the default box; None if the command runs here. Raises BoxError.

    Inside a run the bench is this machine, and LAGER_BOX is only the user's name for it. A simulated bench
    (LAGER_BENCH) is on this machine, too.
    """
    if os.environ.get(variables.PROCESS_ID) or os.environ.get(variables.BENCH):
        return None
    if given := os.environ.get(variables.BOX):
        return given
    if not home.has_config():
        return None
    from lager_cli.boxes.names import box_table

    return box_table.default() or None
