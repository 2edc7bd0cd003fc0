"""The `lager` command and its subcommands."""

import sys
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from lager.wording.text import printable, similar
from lager_cli.display import output
from lager_cli.display.ended import exit_code

_COMMANDS = {
    "adc": ("lager_cli.commands.instruments.net_types", "adc", "Read an analog input."),
    "answer": ("lager_cli.commands.breakpoints.short", "answer", "Answer the question of a paused script."),
    "attach": ("lager_cli.commands.breakpoints.short", "attach", "Follow the output of a detached run."),
    "battery": ("lager_cli.commands.instruments.net_types", "battery", "Read and set a simulated battery."),
    "console": ("lager_cli.commands.breakpoints.short", "console", "Open a Python console in a paused script."),
    "continue": ("lager_cli.commands.breakpoints.short", "continue_", "Resume a paused script."),
    "dac": ("lager_cli.commands.instruments.net_types", "dac", "Read or set an analog output."),
    "dap": ("lager_cli.commands.breakpoints.dap", "dap", "Connect an editor to a paused script."),
    "defaults": ("lager_cli.commands.setup.defaults", "defaults", "Show or change the default box and nets."),
    "eload": ("lager_cli.commands.instruments.net_types", "eload", "Read and set an electronic load."),
    "extend": ("lager_cli.commands.breakpoints.short", "extend", "Give a paused script more time."),
    "gpi": ("lager_cli.commands.instruments.gpio", "gpi", "Read a digital input."),
    "gpo": ("lager_cli.commands.instruments.gpio", "gpo", "Drive a digital output."),
    "instruments": (
        "lager_cli.commands.instruments.net_types",
        "instruments",
        "List the instruments in use, and who holds them.",
    ),
    "kill": ("lager_cli.commands.breakpoints.short", "kill", "End a run and everything it started."),
    "lend": ("lager_cli.commands.instruments.lend", "lend", "Lend an instrument that a paused script holds."),
    "log": ("lager_cli.commands.bench.log", "log", "Read nets repeatedly; show, record or plot the readings."),
    "mcp": ("lager_cli.commands.setup.mcp", "mcp", "Let an assistant look at the bench."),
    "off": ("lager_cli.commands.bench.off", "off", "Switch off the outputs of the bench now."),
    "nets": ("lager_cli.commands.bench.nets", "nets", "List, check, add and import the nets of this bench."),
    "notify": ("lager_cli.commands.setup.notify", "notify", "Send messages about pauses, timeouts and quarantines."),
    "page": ("lager_cli.commands.setup.page", "page", "Print where the bench is shown in a browser."),
    "pause": ("lager_cli.commands.breakpoints.short", "pause", "Pause an active run where it is."),
    "report": ("lager_cli.commands.runs.report", "report", "Show the evidence of a run."),
    "return": ("lager_cli.commands.instruments.lend", "return_", "Return an instrument that is lent."),
    "status": ("lager_cli.commands.bench.status", "status", "Show the whole bench: pauses, runs, and every net."),
    "scpi": ("lager_cli.commands.instruments.scpi", "scpi", "Talk to any instrument that speaks SCPI."),
    "supply": ("lager_cli.commands.instruments.net_types", "supply", "Read and set a power supply."),
    "switch": (
        "lager_cli.commands.instruments.net_types",
        "switch",
        "Switch a relay, an outlet or a port of a USB hub.",
    ),
    "dmm": ("lager_cli.commands.instruments.net_types", "dmm", "Measure with a multimeter."),
    "thermocouple": ("lager_cli.commands.instruments.net_types", "thermocouple", "Read a thermocouple."),
    "uart": ("lager_cli.commands.instruments.uart", "uart", "Talk to a serial device."),
    "python": ("lager_cli.commands.runs.python", "python", "Run a script, or resume a paused one."),
    "bench": ("lager_cli.commands.bench.bench", "bench", "Simulate a bench that a file describes."),
    "boxes": ("lager_cli.commands.setup.boxes", "boxes", "List, add and check the boxes that --box names."),
    "breakpoints": ("lager_cli.commands.breakpoints.breakpoints", "breakpoints", "List the paused scripts."),
    "completion": ("lager_cli.commands.setup.completion", "completion", "Print the shell completion script."),
    "runs": ("lager_cli.commands.runs.runs", "runs", "List your running and recently finished runs."),
    "history": ("lager_cli.commands.runs.history", "history", "Show what happened on this box."),
}

_HIDDEN = {
    "hold": ("lager_cli.commands.runs.hold", "hold"),
    "session": ("lager_cli.boxes.session.box_server", "session"),
}


class _ReaderGone(Exception):
    """The reader of standard output has closed it. Not an OSError, because click ends with 1 for a BrokenPipeError."""


class _LazyCommands(click.Group):
    """Import a subcommand only when it is used, so that no command pays for the others."""

    def make_context(self, *arguments: Any, **more: Any) -> click.Context:
        try:
            return super().make_context(*arguments, **more)
        except BrokenPipeError as error:
            raise _ReaderGone from error

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderGone from error

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            output.say(ctx.get_help())
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS and cmd_name not in _HIDDEN:
            return None
        module, attribute = _HIDDEN[cmd_name] if cmd_name in _HIDDEN else _COMMANDS[cmd_name][:2]
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if not ctx.resilient_parsing and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            meant = [f" Did you mean {one}?" for one in similar(args[0].lower(), _COMMANDS)]
            raise click.UsageError(f"There is no command {printable(args[0], 40)!r}.{''.join(meant)}", ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        known = [CompletionItem(name, help=text) for name, (_, _, text) in sorted(_COMMANDS.items())]
        own = click.Command.shell_complete(self, ctx, incomplete) if incomplete.startswith("-") else []
        return [item for item in known if item.value.startswith(incomplete)] + own

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in sorted(_COMMANDS.items())])


def _show_version(context: click.Context, _option: object, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        from lager.build import version

        output.say(f"lager, version {version()}")
        context.exit()


@click.group(cls=_LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and the commit it was built from.",
)
@click.option("--here", is_flag=True, help="Run on this machine; ignore LAGER_BOX, --box and the default box.")
def cli(here: bool) -> None:
    """Run scripts on a hardware bench, pause them, inspect the bench, and resume them.

    \b
    Examples:
      lager python test.py
      lager breakpoints
      lager supply supply2 voltage 3.3
    """


def main() -> None:
    """Run the command line of this process. Installations older than `entry` call this."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run `lager ARGUMENTS` and return its exit code."""
    return exit_code(lambda: _run(arguments))


def _run(arguments: list[str]) -> int:
    try:
        return cli.main(arguments, prog_name="lager", standalone_mode=False, obj=list(arguments)) or 0
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as problem:
        output.misuse(problem, next((word for word in arguments if word in _COMMANDS), None))
        return problem.exit_code
    except click.Abort:
        return 130
    except _ReaderGone as gone:
        raise BrokenPipeError from gone
