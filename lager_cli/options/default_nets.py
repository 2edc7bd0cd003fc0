"""The net that a command uses if none is named: the user's default for its type.

It is in the table [default_nets] of the user's configuration file. A command with --box passes the defaults of this
machine to the box, where they take precedence over the defaults of the user there.
"""

import json
import os

from lager import variables
from lager.nets.model import NetType
from lager_cli.boxes.names import box_table


def of(type: NetType) -> str:
    """Return the user's default net of this type; empty if there is none."""
    return passed_on().get(type.value, "") or table().get(type.value, "")


def table() -> dict[str, str]:
    """Return the default nets of this user on this machine, by the word of their type."""
    found: dict[str, str] = box_table.table().get("default_nets", {})
    return dict(found)


def passed_on() -> dict[str, str]:
    """Return the default nets that the user's own machine has passed on with the command."""
    try:
        found = json.loads(os.environ.get(variables.DEFAULT_NETS, "{}"))
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def to_pass_on() -> dict[str, str]:
    """Return the variables with which a command on a box knows the default nets of this user."""
    known = table() | passed_on()
    return {variables.DEFAULT_NETS: json.dumps(known)} if known else {}
