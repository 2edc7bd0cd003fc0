"""Builds the commands that use an instrument: each claims it, does one action and releases it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

import click

from lager import Net, NetType
from lager.errors import WrongNetType
from lager.nets import file as nets_file
from lager.nets.actions import ACTIONS, Action, is_setting
from lager.wording.text import amount_of, printable
from lager_cli import daemon
from lager_cli.commands.instruments import through
from lager_cli.commands.instruments.named_nets import placed
from lager_cli.commands.instruments.net_table import print_nets
from lager_cli.commands.instruments.through import through_option
from lager_cli.display import output
from lager_cli.options import completion, default_nets
from lager_cli.options.box_option import box_option
from lager_cli.options.common import json_option, wait_option
from lager_cli.options.typed_values import TakesNumbers, Word, level, number

_WITHOUT_NET = "Without NET, use your default net, or list the nets."


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
    whole = f"{help} {_WITHOUT_NET}\n\n\b\n{_listed(actions)}{_shown(name, examples)}"

    @click.command(name, cls=TakesNumbers, help=whole)
    @click.argument("net", required=False, shell_complete=completion.nets(type))
    @click.argument("action", required=False, type=_Action(list(actions)), metavar="[ACTION]")
    @click.argument("value", nargs=-1, metavar="[VALUE]")
    @click.option("--yes", is_flag=True, help="Ignored, for compatibility: lager does not ask.")
    @json_option
    @wait_option
    @through_option
    @box_option
    @click.pass_context
    def run(
        context: click.Context,
        net: str | None,
        action: str | None,
        value: tuple[str, ...],
        yes: bool,
        as_json: bool,
        wait: float,
        through: bool,
        ovp: str | None = None,
        ocp: str | None = None,
    ) -> int:
        del yes
        words = tuple(word for word in (net, action, *value) if word is not None)
        if not words and not default_nets.of(type):
            print_nets(type, as_json)
            return 0
        levels = {key: text for key, text in (("ovp", ovp), ("ocp", ocp)) if text is not None}
        return _do(context, type, words, levels, as_json, wait, through)

    if type is NetType.PowerSupply:
        behind = run.params.index(_parameter(run, "value")) + 1
        run.params[behind:behind] = [_protection("ovp", "over-voltage"), _protection("ocp", "over-current")]
    return run


def _do(
    context: click.Context, type: NetType, words: tuple[str, ...], levels: Mapping[str, str], as_json: bool,
    wait: float, by_pause: bool,
) -> int:  # fmt: skip
    """Carry out what the words of `lager TYPE` ask for, and print the result; return the exit code."""
    actions = ACTIONS[type]
    net, rest = placed(type, words, actions)
    action = _known_action(rest[0] if rest else "state", actions, context)
    given = _value(action, actions[action], rest[1:])
    if levels:
        protections = {key: _value(key, actions[key], (text,)) for key, text in levels.items()}
        result, id = _set_with(net, type, action, given, protections, wait, by_pause), ""
    else:
        result, id = carry_out(net, type, action, given, wait, by_pause)
    show(net, action, result, actions[action].unit, as_json, id)
    return int(bool(getattr(result, "unread", None)))  # part of the state could not be read


def _parameter(command: click.Command, name: str) -> click.Parameter:
    return next(one for one in command.params if one.name == name)


def _protection(key: str, what: str) -> click.Option:
    text = f"With voltage or current: also set the {what} protection."
    return click.Option([f"--{key}"], metavar="LEVEL", help=text)


def _known_action(word: str, actions: Mapping[str, Action], context: click.Context) -> str:
    """Return the word, which `_Action` has not checked, or raise UsageError."""
    return str(Word(list(actions)).convert(word, _parameter(context.command, "action"), context))


class _Action(Word):
    """The action of a command, or its value if the net is left out; it is checked once the net is known."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value


def _set_with(
    net: str, type: NetType, action: str, value: Any, protections: dict[str, float], wait: float, by_pause: bool
) -> Any:
    """Set a voltage or a current together with its protections, and return the readback."""
    if action not in ("voltage", "current"):
        raise click.UsageError("--ovp and --ocp need the action voltage or current.")
    if by_pause:
        raise click.UsageError("--ovp and --ocp do not work with --through. Set each on its own: ovp LEVEL, ocp LEVEL.")
    return with_net(net, type, wait, lambda opened: getattr(opened, action)(value, **protections))


def single(
    name: str,
    type: NetType,
    action: str,
    help: str,
    value_name: str | None,
    examples: Sequence[str],
) -> click.Command:
    """Return the command `lager NAME NET [VALUE]`, for nets with a single action."""
    its = ACTIONS[type][action]

    @click.command(name, cls=TakesNumbers, help=f"{help} {_WITHOUT_NET}{_shown(name, examples)}")
    @click.option("--yes", is_flag=True, help="Ignored, for compatibility: lager does not ask.")
    @json_option
    @wait_option
    @through_option
    @box_option
    def run(net: str | None, yes: bool, as_json: bool, wait: float, through: bool, value: tuple[str, ...] = ()) -> None:
        del yes
        words = tuple(word for word in (net, *value) if word is not None)
        if not words and not default_nets.of(type):
            print_nets(type, as_json)
            return
        net, rest = placed(type, words, _Numbers(its.unit) if value_name else ())
        result, id = carry_out(net, type, action, _value(name, its, rest), wait, through)
        show(net, name, result, its.unit, as_json, id)

    if value_name:
        run.params.insert(0, click.Argument(["value"], nargs=-1, metavar=value_name))
    run.params.insert(0, click.Argument(["net"], required=False, shell_complete=completion.nets(type)))
    return run


class _Numbers:
    """Accepts all words that are a number in a unit."""

    def __init__(self, unit: str) -> None:
        self._unit = unit

    def __contains__(self, word: object) -> bool:
        return amount_of(str(word), self._unit) is not None


def show(net: str, action: str, result: Any, unit: str, as_json: bool, id: str = "") -> None:
    """Print a state as its fields, and a number with its unit; print nothing for None. `id` is the pause through which
    the action was done."""
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


def carry_out(net: str, type: NetType, name: str, value: Any, wait: float, by_pause: bool) -> tuple[Any, str]:
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
