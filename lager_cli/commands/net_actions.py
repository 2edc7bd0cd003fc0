"""Builds the commands that use an instrument: each claims it, does one action and releases it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

import click

from lager import Net, NetType
from lager.errors import WrongNetType
from lager.nets import file as nets_file
from lager.text import printable
from lager_cli import daemon
from lager_cli.commands import completion
from lager_cli.commands.box_option import box_option
from lager_cli.commands.options import json_option, wait_option
from lager_cli.commands.typed_values import TakesNumbers, number
from lager_cli.display import output


@dataclass(frozen=True)
class Action:
    """One action of a command. `read` is called with the open net; `write` with the net and a value.

    `kind` converts the typed text to a value; without it, the text is a number in `unit`. A `harmless` action is
    allowed on a coupled output, as all reading is.
    """

    read: Callable[[Any], Any] | None = None
    write: Callable[[Any, Any], Any] | None = None
    unit: str = ""
    kind: Callable[[str], Any] | None = None
    help: str = ""
    harmless: bool = False


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


def command(
    name: str, type: NetType, actions: Mapping[str, Action], help: str, examples: Sequence[str]
) -> click.Command:
    """Return the command `lager NAME NET ACTION [VALUE]`; each example is the text after the name."""

    @click.command(name, cls=TakesNumbers, help=f"{help}\n\n\b\n{_listed(actions)}{_shown(name, examples)}")
    @click.argument("net", shell_complete=completion.nets(type))
    @click.argument("action", type=click.Choice(list(actions)), default="state")
    @click.argument("value", nargs=-1, metavar="[VALUE]")
    @json_option
    @wait_option
    @box_option
    def run(net: str, action: str, value: tuple[str, ...], as_json: bool, wait: float) -> int:
        chosen = actions[action]
        given = _value(action, chosen, value)
        coupled = chosen.harmless or (given is None and bool(chosen.unit))
        result = with_net(
            net, type, wait, lambda opened: _act(chosen, opened, given), coupled=coupled, reads=coupled
        )  # fmt: skip
        show(net, action, result, chosen.unit, as_json)
        return int(bool(getattr(result, "unread", None)))  # part of the state could not be read

    return run


def single(
    name: str, type: NetType, action: Action, help: str, value_name: str | None, examples: Sequence[str]
) -> click.Command:
    """Return the command `lager NAME NET [VALUE]`, for nets with a single action."""

    @click.command(name, cls=TakesNumbers, help=help + _shown(name, examples))
    @json_option
    @wait_option
    @box_option
    def run(net: str, as_json: bool, wait: float, value: tuple[str, ...] = ()) -> None:
        given = _value(name, action, value)
        result = with_net(net, type, wait, lambda opened: _act(action, opened, given), reads=given is None)
        show(net, name, result, action.unit, as_json)

    if value_name:
        run.params.insert(0, click.Argument(["value"], nargs=-1, required=action.read is None, metavar=value_name))
    run.params.insert(0, click.Argument(["net"], shell_complete=completion.nets(type)))
    return run


def show(net: str, action: str, result: Any, unit: str, as_json: bool) -> None:
    """Print a state as its fields and a number with its unit; print nothing for None."""
    if as_json:
        plain = asdict(result) if is_dataclass(result) and not isinstance(result, type) else {action: result}
        output.print_json({"net": net, **plain})
    elif result is not None:
        output.say(f"{result:.6g} {unit}".strip() if isinstance(result, float) else str(result))


def _act(action: Action, net: Any, value: Any) -> Any:
    if value is not None:
        assert action.write is not None
        return action.write(net, value)
    assert action.read is not None
    return action.read(net)


def _value(name: str, action: Action, words: tuple[str, ...]) -> Any:
    """Return the typed value, whose unit may be a separate word; None without a value. Raises UsageError."""
    if not words:
        if action.read is None:
            raise click.UsageError(f"{name} needs a value.")
        return None
    text = " ".join(words)
    if action.write is None:
        raise click.UsageError(f"{name} takes no value, but got '{printable(text, 40)}'.")
    try:
        return number(text, action.unit) if action.kind is None else action.kind(text)
    except ValueError as problem:
        raise click.UsageError(f"'{printable(text, 40)}' is not valid for {name}. {problem}") from None


def _listed(actions: Mapping[str, Action]) -> str:
    width = max(map(len, actions)) + 6
    lines = []
    for name, action in actions.items():
        value = "" if action.write is None else " [VALUE]" if action.read else " VALUE"
        lines.append(f"  {name + value:{width + 2}}  {action.help}")
    return "\n".join(["Actions:", *lines])


def _shown(name: str, examples: Sequence[str]) -> str:
    return "\n\n\b\nExamples:\n" + "\n".join(f"  lager {name} {example}" for example in examples)
