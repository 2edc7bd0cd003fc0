"""The command line of `lager python`: parses its words, and checks which options can be combined."""

from dataclasses import dataclass

import click

from lager.wording.text import printable
from lager_cli.display import output
from lager_cli.options import script_words

SORTED = "lager_cli.commands.runs.python.sorted"  # the words, with lager's options first


class PythonCommand(click.Command):
    """Accepts lager's options after a script, too; with -m and -c, all words after the next one are its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        args = self._with_module_apart(args)
        given = self.make_parser(ctx).parse_args(list(args))[0]
        behind = given.get("arguments")
        at = len(args) - (len(behind) if isinstance(behind, tuple) else 0)  # index of the word after the runnable
        if (
            not isinstance(given.get("runnable"), str)
            or given.get("module") is True
            or given.get("code") is True
            or "--" in args[at - 2 : at - 1]
        ):
            return super().parse_args(ctx, args)
        split = script_words.split(args[at:])
        words = [*args[: at - 1], *split.ours, "--", args[at - 1], *split.theirs]
        ctx.meta[SORTED] = words
        if split.note and not ctx.resilient_parsing:
            output.note(printable(split.note, 300))
        try:
            return super().parse_args(ctx, list(words))
        except click.UsageError as problem:
            if not split.ours:
                raise
            raise click.UsageError(f"{problem.format_message()} {script_words.ADVICE}", ctx) from None

    def _with_module_apart(self, args: list[str]) -> list[str]:
        """Return the words with `-mMODULE` and `-cCODE`, which Python accepts, as two words."""
        values = {
            name: option.nargs
            for option in self.params
            if isinstance(option, click.Option) and not option.is_flag
            for name in option.opts
        }
        at = 0
        while at < len(args) and args[at].startswith("-") and args[at] != "--":
            flag = args[at][:2]
            if flag in ("-m", "-c") and len(args[at]) > 2:
                return [*args[:at], flag, args[at][2:], *args[at + 1 :]]
            at += 1 + values.get(args[at], 0)
        return args


@dataclass(frozen=True)
class Asked:
    """The parsed command line, by the names of the options below."""

    module: bool
    code: bool
    unbuffered: bool
    interpreter: str | None
    settings: tuple[str, ...]
    passed: tuple[str, ...]
    timeout: float
    pause_on_error: bool
    simulate: bool
    resume: str | None
    continue_all: bool
    extend: tuple[str, float] | None
    console: str | None
    pause: str | None
    detach: bool
    reattach: str | None
    tail: int | None
    kill: str | None
    kill_all: bool
    yes: bool
    signal_name: str | None
    watch: bool
    relay: bool
    nets: tuple[str, ...]
    wait: float
    box: str | None
    added: tuple[str, ...]
    downloads: tuple[str, ...]
    overwrite: bool
    runnable: str | None
    arguments: tuple[str, ...]

    @property
    def flag(self) -> str:
        """Return the flag of Python for the script: -m, -c, or none."""
        return "-m" if self.module else "-c" if self.code else ""


def check(asked: Asked) -> None:
    """Raise UsageError unless exactly one action is chosen, with options that belong to it."""
    wanted = (
        asked.resume, asked.extend, asked.console, asked.pause, asked.reattach, asked.kill, asked.runnable
    )  # fmt: skip
    count = sum(one is not None for one in wanted) + asked.continue_all + asked.kill_all
    for flag, is_given, what in (("-m", asked.module, "the name of a module"), ("-c", asked.code, "code")):
        if is_given and asked.runnable is None:
            raise click.UsageError(f"{flag} needs {what} after it.")
    if count != 1:
        what = (
            "Name a script to run, or one of --continue, --continue-all, --extend, --console, --pause, --reattach,"
            " --kill and --kill-all"
        )
        raise click.UsageError(f"{what}, not several of them." if count else f"{what}.")
    for option, needs, given in (
        ("-u", "a script to run", not asked.unbuffered or asked.runnable),
        ("--python", "a script to run", asked.interpreter is None or asked.runnable),
        ("-c", "no -m", not (asked.code and asked.module)),
        ("--simulate", "a script to run", not asked.simulate or asked.runnable),
        ("--detach", "a script to run", not asked.detach or asked.runnable),
        ("--any", "a run without --simulate, where nothing is busy", not (asked.nets and asked.simulate)),
        ("--any", "a script to run", not asked.nets or asked.runnable),
        ("--wait", "--any", not asked.wait or asked.nets),
        ("--tail", "--reattach", asked.tail is None or asked.reattach),
        ("--signal", "--kill", asked.signal_name is None or asked.kill or asked.kill_all),
        ("--yes", "--kill or --kill-all", not asked.yes or asked.kill or asked.kill_all),
        ("--watch", "--console", not asked.watch or asked.console),
        ("--download", "a run without --detach", not (asked.downloads and asked.detach)),
    ):
        if not given:
            raise click.UsageError(f"{option} needs {needs}.")
