"""`lager gpi` and `lager gpo`: read, wait for and drive a digital line."""

import signal

import click

from lager import NetType
from lager.nets.actions import ACTIONS
from lager.wording.text import printable
from lager_cli.commands.instruments.named_nets import placed
from lager_cli.commands.instruments.net_actions import carry_out, show, with_net
from lager_cli.commands.instruments.net_table import print_nets
from lager_cli.commands.instruments.through import through_option
from lager_cli.display import output
from lager_cli.options import completion, default_nets
from lager_cli.options.box_option import box_option
from lager_cli.options.common import json_option, seconds, wait_option
from lager_cli.options.typed_values import TakesNumbers, level

_WORDS = ("0", "1", "low", "high", "off", "on", "false", "true", "toggle", "release")
_IGNORED = "Ignored, for compatibility."


def _level(text: str) -> int:
    try:
        return level(text)
    except ValueError as problem:
        raise click.UsageError(f"'{printable(text, 40)}' is not a level. {problem}") from None


@click.command()
@click.argument("net", required=False, shell_complete=completion.nets(NetType.GPIO))
@click.option("--wait-for", "wanted", metavar="LEVEL", help="Wait until the line has this level: 0, low, 1 or high.")
@click.option("--timeout", type=seconds, metavar="TIME", help="With --wait-for: how long to wait (default: forever).")
@click.option("--poll-interval", type=seconds, metavar="TIME", help="With --wait-for: time between two readings.")
@click.option("--scan-rate", type=float, metavar="HZ", help=_IGNORED)
@click.option("--scans-per-read", type=int, metavar="N", help=_IGNORED)
@json_option
@wait_option
@through_option
@box_option
def gpi(
    net: str | None,
    wanted: str | None,
    timeout: float | None,
    poll_interval: float | None,
    scan_rate: float | None,
    scans_per_read: int | None,
    as_json: bool,
    wait: float,
    through: bool,
) -> None:
    """Read the level of a digital line without changing its direction, or wait for one. Without NET, read your default
    net, or list the nets.

    \b
    Examples:
      lager gpi gpi1
      lager gpi gpi1 --wait-for high --timeout 10
    """
    del scan_rate, scans_per_read
    net = net or default_nets.of(NetType.GPIO)
    if not net:
        print_nets(NetType.GPIO, as_json)
        return
    if wanted is None:
        if timeout is not None or poll_interval is not None:
            raise click.UsageError("--timeout and --poll-interval need --wait-for.")
        result, id = carry_out(net, NetType.GPIO, "input", None, wait, through)
        show(net, "gpi", result, "", as_json, id)
        return
    number = _level(wanted)
    options = {} if poll_interval is None else {"poll_interval": poll_interval}
    waited = with_net(net, NetType.GPIO, wait, lambda line: line.wait_for_level(number, timeout, **options), reads=True)
    if as_json:
        output.print_json({"net": net, "level": number, "waited": waited})
    else:
        output.say(f"{net} is {number} after {waited:.2f} s")


@click.command(cls=TakesNumbers)
@click.argument("words", nargs=-1, metavar="[NET] LEVEL", shell_complete=completion.nets(NetType.GPIO))
@click.option("--hold", is_flag=True, help="Hold the level until Ctrl-C, then make the line an input again.")
@json_option
@wait_option
@through_option
@box_option
def gpo(words: tuple[str, ...], hold: bool, as_json: bool, wait: float, through: bool) -> None:
    """Drive a digital line to LEVEL (0, low or off; 1, high or on; toggle inverts it); `release` makes it an input
    again. Without NET, drive your default net. Without both, list the nets.

    \b
    Examples:
      lager gpo gpo1 1
      lager gpo gpo1 high --hold
      lager gpo gpo1 toggle
      lager gpo gpo1 release
    """
    if not words:
        print_nets(NetType.GPIO, as_json)
        return
    net, rest = placed(NetType.GPIO, words, () if len(words) > 1 else _Lowered(_WORDS))
    if not rest:
        raise click.UsageError("gpo needs a level: 0, 1, low, high, off, on, toggle or release.")
    if len(rest) > 1:
        raise click.UsageError(f"gpo takes one level, but got '{printable(' '.join(rest), 40)}'.")
    word = rest[0].strip().lower()
    action = word if word in ("toggle", "release") else "output"
    value = None if action != "output" else _level(rest[0])
    if hold:
        if action == "release" or through:
            raise click.UsageError("--hold needs a level to hold, and no --through.")
        with_net(net, NetType.GPIO, wait, lambda line: _hold(line, action, value, as_json))
        return
    result, id = carry_out(net, NetType.GPIO, action, value, wait, through)
    show(net, "gpo", result, ACTIONS[NetType.GPIO][action].unit, as_json, id)


class _Lowered(tuple[str, ...]):
    """Words that match in any case."""

    __slots__ = ()

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and super().__contains__(word.strip().lower())


def _hold(line: object, action: str, value: int | None, as_json: bool) -> None:
    """Drive the line, and make it an input again when Ctrl-C or SIGTERM ends the command."""
    ending = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)  # until the line is released, they only end the wait
    try:
        net: str = line.name  # type: ignore[attr-defined]
        try:
            result = ACTIONS[NetType.GPIO][action].on(line, value)
            show(net, "gpo", result, "", as_json)
            output.note(f"holding {net} at {result}; press Ctrl-C to release it")
            signal.sigwait(ending)
        finally:
            ACTIONS[NetType.GPIO]["release"].on(line)
        output.note(f"{net} is an input again")
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ending)
