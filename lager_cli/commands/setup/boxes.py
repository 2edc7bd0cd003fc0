"""`lager boxes`: the user's table of boxes, and a check that each can be used from here."""

import grp
import os
from pathlib import Path
from typing import Any

import click

from lager.build import older, version
from lager.contract import GROUP
from lager.errors import BoxError, LagerError
from lager.wording.text import similar
from lager_cli.boxes.names import box_table
from lager_cli.boxes.names.box_table import COMMAND, Box
from lager_cli.display import output
from lager_cli.options import completion
from lager_cli.options.common import json_option

_CHECK_HEADERS = ("BOX", "SSH", "LAGER", "LAGERD", "GROUP", "TO DO")


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def boxes(context: click.Context, as_json: bool) -> None:
    """List your configured boxes.

    A name is short for an ssh destination. Wherever --box is accepted, user@host and the names in ~/.ssh/config work
    too.

    \b
    Examples:
      lager boxes add bench3 anna@bench3.example.com
      lager boxes default bench3
      lager boxes check
    """
    if context.invoked_subcommand is None:
        _list(as_json)


@boxes.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List your configured boxes.

    \b
    Example:
      lager boxes list --json
    """
    _list(as_json)


@boxes.command()
@click.argument("name", shell_complete=completion.boxes)
@click.argument("ssh", required=False)
@click.option("--command", default=COMMAND, help="The lager command on the box (default: lager).")
def add(name: str, ssh: str | None, command: str) -> None:
    """Add NAME as a name for the ssh destination SSH (default: NAME itself).

    \b
    Examples:
      lager boxes add bench3 anna@bench3.example.com
      lager boxes add bench4 bench4 --command /opt/lager/bin/lager
    """
    box_table.check_new(name)
    box = Box(name, ssh or name, command)
    box.check()
    box_table.put(box)
    where = "" if box.ssh == name else f" for {box.ssh}"
    output.advise(f"Added {name}{where}. Check it with: lager boxes check {name}")


@boxes.command()
@click.argument("name")
@click.argument("members", nargs=-1, metavar="BOX...", shell_complete=completion.boxes)
def group(name: str, members: tuple[str, ...]) -> None:
    """Name a group of boxes: --box @NAME then means all of them. A BOX may be a pattern, or another @GROUP. Without
    any, remove the group.

    \b
    Examples:
      lager boxes group rack2 bench3 bench4
      lager boxes group lab @rack2 'test*'
      lager breakpoints --box @rack2
    """
    box_table.put_group(name, [one for member in members for one in member.split(",")])
    if members:
        output.say(f"@{name} is {', '.join(box_table.several(f'@{name}'))}.")
    else:
        output.say(f"Removed the group @{name}.")


@boxes.command("import")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--ssh-config", is_flag=True, help="Import the hosts of an ssh configuration (default: ~/.ssh/config).")
def import_(file: Path | None, ssh_config: bool) -> None:
    """Import boxes and groups from an Ansible inventory, from the JSON of ansible-inventory --list, or from an ssh
    configuration. Existing names are kept.

    \b
    Examples:
      lager boxes import hosts.yml
      lager boxes import --ssh-config
    """
    from lager_cli.boxes.names import inventory

    if file is None and not ssh_config:
        raise click.UsageError("Name an inventory, or give --ssh-config.")
    if ssh_config:
        found = inventory.of_ssh(file or Path.home() / ".ssh" / "config")
    else:
        assert file is not None
        found = inventory.of_ansible(file)
    boxes, groups, left_out = box_table.add_new(found.boxes, found.groups)
    for problem in left_out:
        output.note(problem)
    output.say(f"Added {boxes} box{'' if boxes == 1 else 'es'} and {groups} group{'' if groups == 1 else 's'}.")


@boxes.command()
@click.argument("name", shell_complete=completion.boxes)
def remove(name: str) -> None:
    """Remove NAME.

    \b
    Example:
      lager boxes remove bench3
    """
    box_table.drop(name)
    output.say(f"Removed {name}.")


@boxes.command()
@click.argument("name", required=False, shell_complete=completion.boxes)
@click.option("--none", is_flag=True, help="Run on this machine when --box is not given.")
def default(name: str | None, none: bool) -> None:
    """Set the default box; without NAME, print it.

    The default is used when neither --box nor LAGER_BOX names a box.

    \b
    Examples:
      lager boxes default bench3
      lager boxes default --none
    """
    if name is not None and none:
        raise click.UsageError("Give a NAME or --none, not both.")
    if name is not None:
        _require_known(box_table.find(name))
        box_table.set_default(name)
    elif none:
        box_table.set_default("")
    output.say(f"The default box is {box_table.default() or 'none: commands stay on this machine'}.")


def _require_known(box: Box) -> None:
    """Raise BoxError for a name that is neither in the table nor known to ssh: every later command would fail."""
    from lager_cli.boxes import ssh

    names = list(box_table.table()["boxes"])
    if box.name in names or ssh.is_known(box):
        return
    close = similar(box.name, names)
    what = f"Unknown box {box.name}: it is neither in your table, nor in ~/.ssh/config, nor a host with an address."
    hint = f"Did you mean {close[0]}?" if close else f"Add it first: lager boxes add {box.name} USER@HOST"
    raise BoxError(what, hint)


@boxes.command()
@click.argument("names", nargs=-1, shell_complete=completion.boxes)
@json_option
def check(names: tuple[str, ...], as_json: bool) -> int:
    """Check that each box can be used from here, and say what to do if not. The exit code is 0 if all can.

    \b
    Examples:
      lager boxes check
      lager boxes check bench3
    """
    from lager_cli.boxes.several import fan_out

    wanted = [one for name in names for one in box_table.several(name)] or [*box_table.known()["boxes"]]
    known = [*dict.fromkeys(box_table.find(name) for name in wanted)]
    if not known:
        output.advise("No boxes are configured. Add one: lager boxes add NAME USER@HOST")
        return 0
    found = [_judged(answer) for answer in fan_out.ask(known, ["boxes", "state"], _state)]
    if as_json:
        output.print_json(found)
    else:
        output.fitting_table(_CHECK_HEADERS, [[one[key] for key in _KEYS] for one in found], longest=1000)
    return int(any(one["to_do"] != "-" for one in found))


_KEYS = ("box", "ssh", "version", "lagerd", "group", "to_do")


@boxes.command(hidden=True)
def state() -> None:
    """Print the state that `check` asks a box for."""
    output.print_json({"version": version(), "lagerd": _lagerd(), "group": _in_group()})


def _lagerd() -> str:
    """Return `runs`, or why lagerd does not answer. Does not start the embedded one: a simulated bench is not a box."""
    from lager.bus import address
    from lager_cli.daemon import ask

    try:
        if address.choose().embedded:
            return "No lagerd is installed there. Type there: sudo lagerd install && sudo systemctl start lagerd"
        ask("List")
    except LagerError as problem:
        return str(problem)
    return "runs"


def _in_group() -> bool | None:
    """Return whether this user may call lagerd; None if the group does not exist because lagerd is not installed."""
    if os.geteuid() == 0:
        return True
    try:
        return grp.getgrnam(GROUP).gr_gid in {os.getgid(), *os.getgroups()}
    except KeyError:
        return None


def _state(said: Any) -> dict[str, Any]:
    """Return the state that a box reports. Raises ValueError if it is not one."""
    match said:
        case {"version": str(release), "lagerd": str(lagerd), "group": bool() | None as group}:
            return {"version": release, "lagerd": lagerd, "group": group}
    raise ValueError("version, lagerd or group is missing in it")


def _judged(answer: Any) -> dict[str, str]:
    """Return one row of the check."""
    line = dict.fromkeys(_KEYS, "-") | {"box": answer.box.name}
    if answer.problem is not None:
        connected = answer.problem.exit_code != 255
        return {**line, "ssh": "ok" if connected else "no", "to_do": str(answer.problem)}
    state = answer.said
    line |= {"ssh": "ok", "version": state["version"], "lagerd": "runs" if state["lagerd"] == "runs" else "no"}
    line["group"] = {True: "ok", False: "no", None: "-"}[state["group"]]
    if state["group"] is False:
        line["to_do"] = "type there: sudo adduser $USER lager; then log in again"
    elif line["lagerd"] == "no":
        line["to_do"] = state["lagerd"]
    elif state["version"] != version():
        line["to_do"] = _to_update(state["version"], answer.box.name)
    return line


def _to_update(theirs: str, box: str) -> str:
    here = f"this machine has {version()}"
    if older(theirs, version()):
        return f"{here}: update {box}"
    return f"{here}: update it" if older(version(), theirs) else f"{here}: install the same on both"


def _list(as_json: bool) -> None:
    default = box_table.default()
    known = [box_table.find(name) for name in box_table.known()["boxes"]]
    found = [
        {"name": box.name, "ssh": box.ssh, "command": box.command, "default": box.name == default} for box in known
    ]
    if as_json:
        output.print_json(found)
    elif found:
        rows = [(one["name"], one["ssh"], one["command"], "default" if one["default"] else "") for one in found]
        groups = box_table.known()["groups"]
        rows += [(f"@{name}", ", ".join(members), "", "group") for name, members in groups.items()]
        output.fitting_table(("BOX", "SSH", "COMMAND", ""), rows)
    else:
        output.advise("No boxes are configured. Add one: lager boxes add NAME USER@HOST")
