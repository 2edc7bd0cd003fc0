"""Builds the commands that use an instrument: each claims it, does one action and releases it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

import click

from lager import Net, NetType
from lager.errors import WrongNetType
from lager.nets import file as nets_file
from lager.nets.actions import ACTIONS, Action, is_setting
from lager.text import printable
from lager_cli import daemon
from lager_cli.commands import through
from lager_cli.commands.through import through_option
from lager_cli.display import output
from lager_cli.options import completion
from lager_cli.options.box_option import box_option
from lager_cli.options.common import json_option, wait_option
from lager_cli.options.typed_values import TakesNumbers, Word, level, number


def with_net(
    name: str, type: NetType, wait: float, use: Callable[[Any], Any], *, coupled: bool = False, reads: bool = False
) -> Any:
    """Open the net and return the result of `use`; `coupled` as for Net.get. A command that only `reads` leaves the
    outputs as they are, even if it is killed."""
    daemon.ready_address()
    nets = nets_file.load().without_safe() if reads else None
    try:
        opened = Net.get(name, type=type, wait=wait, coupled=coupled, nets=nets)
    except WrongNetType as error:
        kind = nets_file.load().net(name).type
        raise WrongNetType(error.what, f"Try: lager {'gpi' if kind is NetType.GPIO else kind.value} {name}") from None
    with opened as net:
        return use(net)


def command(name: str, type: NetType, help: str, examples: Sequence[str]) -> click.Command:
    """Return the command `lager NAME NET ACTION [VALUE]`; each example is the text after the name."""
    actions = ACTIONS[type]

    @click.command(name, cls=TakesNumbers, help=f"{help}\n\n\b\n{_listed(actions)}{_shown(name, examples)}")
    @click.argument("net", shell_complete=completion.nets(type))
    @click.argument("action", type=Word(list(actions)), default="state")
    @click.argument("value", nargs=-1, metavar="[VALUE]")
    @json_option
    @wait_option
    @through_option
    @box_option
    def run(net: str, action: str, value: tuple[str, ...], as_json: bool, wait: float, through: bool) -> int:
        given = _value(action, actions[action], value)
        result, id = _carry_out(net, type, action, given, wait, through)
        show(net, action, result, actions[action].unit, as_json, id)
        return int(bool(getattr(result, "unread", None)))  # part of the state could not be read

    return run


def single(
    name: str,
    type: NetType,
    action: str,
    help: str,
    value_name: str | None,
    examples: Sequence[str],
    other: Mapping[str, str] | None = None,
) -> click.Command:
    """Return the command `lager NAME NET [VALUE]`, for nets with a single action. `other` maps words in the place of a
    value to the actions that they mean."""
    its = ACTIONS[type][action]

    @click.command(name, cls=TakesNumbers, help=help + _shown(name, examples))
    @json_option
    @wait_option
    @through_option
    @box_option
    def run(net: str, as_json: bool, wait: float, through: bool, value: tuple[str, ...] = ()) -> None:
        meant = (other or {}).get(" ".join(value))
        given = None if meant else _value(name, its, value)
        result, id = _carry_out(net, type, meant or action, given, wait, through)
        show(net, name, result, its.unit, as_json, id)

    if value_name:
        run.params.insert(0, click.Argument(["value"], nargs=-1, required=not its.read, metavar=value_name))
    run.params.insert(0, click.Argument(["net"], shell_complete=completion.nets(type)))
    return run


def show(net: str, action: str, result: Any, unit: str, as_json: bool, id: str = "") -> None:
    """Print a state as its fields and a number with its unit; print nothing for None. `id` is that of the pause through
    which it was done."""
    if as_json:
        plain = asdict(result) if is_dataclass(result) and not isinstance(result, type) else {action: result}
        output.print_json({"net": net, **plain, **({"through": id} if id else {})})
        return
    text = f"{result:.6g} {unit}".strip() if isinstance(result, float) else "" if result is None else str(result)
    if id:
        first, *rest = (text or f"{net} {action}").split("\n")
        text = "\n".join([f"{first}, through {id}", *rest])
    if text:
        output.say(text)


def _carry_out(net: str, type: NetType, name: str, value: Any, wait: float, by_pause: bool) -> tuple[Any, str]:
    """Return the result, and the id of the pause through which it was done; "" if the instrument was claimed."""
    if by_pause and (answer := through.ask(net, type, name, value, wait)):
        return answer
    action = ACTIONS[type][name]
    coupled = action.is_allowed_on_coupled(value)
    reads = action.harmless or not is_setting(name, value)
    return with_net(net, type, wait, lambda opened: action.on(opened, value), coupled=coupled, reads=reads), ""


def _value(name: str, action: Action, words: tuple[str, ...]) -> Any:
    """Return the typed value, whose unit may be a separate word; None without a value. Raises UsageError."""
    if not words:
        if not (action.read or action.do):
            raise click.UsageError(f"{name} needs a value.")
        return None
    text = " ".join(words)
    if not action.write:
        raise click.UsageError(f"{name} takes no value, but got '{printable(text, 40)}'.")
    try:
        if action.takes == "level":
            return level(text)
        return text if action.takes == "word" else number(text, action.unit)
    except ValueError as problem:
        raise click.UsageError(f"'{printable(text, 40)}' is not valid for {name}. {problem}") from None


def _listed(actions: Mapping[str, Action]) -> str:
    width = max(map(len, actions)) + 6
    lines = []
    for name, action in actions.items():
        value = " [VALUE]" if action.write else ""
        lines.append(f"  {name + value:{width + 2}}  {action.help}")
    return "\n".join(["Actions:", *lines])


def _shown(name: str, examples: Sequence[str]) -> str:
    return "\n\n\b\nExamples:\n" + "\n".join(f"  lager {name} {example}" for example in examples)
