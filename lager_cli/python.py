"""`lager python`: run a script; or resume, extend or look into a paused one."""

import math
import os
from typing import Any

import click

from lager.errors import AmbiguousId, LagerError, NoSuchBreakpoint
from lager.text import time_left
from lager_cli import boxoption, completion, fileoptions, output
from lager_cli.daemon import ask, get

LONGEST_RUN = 300.0
_ONLY_ONE = "\0"  # which nobody can type: `--continue ""` is a mistake, and resumes nothing


def seconds(value: Any) -> float:
    """The type of an option that takes seconds."""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise click.BadParameter(f"{value!r} is no number of seconds; give 0 or more.")
    return number


class _Python(click.Command):
    """Whatever stands behind the runnable is the script's, but for a --box that is the very next, and its files."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        behind = self.make_parser(ctx).parse_args(list(args))[0].get("arguments")
        at = len(args) - (len(behind) if isinstance(behind, tuple) else 0)
        own = 0 if "--" in args[at - 2 : at - 1] else fileoptions.words(args[at:])
        return super().parse_args(ctx, [*args[: at - 1], *args[at : at + own], *args[at - 1 : at], *args[at + own :]])


@click.command(cls=_Python, context_settings={"allow_interspersed_args": False, "help_option_names": ["-h", "--help"]})
@click.option("-m", "module", is_flag=True, help="Run a module by its name, as python -m does.")
@click.option("--env", "settings", multiple=True, metavar="FOO=BAR", help="Set a variable for the script.")
@click.option("--passenv", "passed", multiple=True, metavar="NAME", help="Pass on a variable of this shell.")
@click.option("--timeout", type=seconds, default=0.0, help="End the whole run after so long, paused or not (0: never).")
@click.option("--pause-on-error", is_flag=True, help="Pause where an error is raised that nothing will catch.")
@click.option(
    "--continue",
    "resume",
    is_flag=False,
    flag_value=_ONLY_ONE,
    metavar="[ID]",
    help="Resume a paused script.",
    shell_complete=completion.pauses,
)
@click.option("--continue-all", is_flag=True, help="Resume every paused script.")
@click.option(
    "--extend",
    nargs=2,
    type=(str, seconds),
    metavar="ID SECONDS",
    help="Give a pause more time; 0: no limit.",
    shell_complete=completion.pauses,
)
@click.option(
    "--console", metavar="ID", help="Open a Python console inside a paused script.", shell_complete=completion.pauses
)
@click.option("--pause", metavar="RUN", help="Ask a run to pause where it is.", shell_complete=completion.runs)
@click.option("--detach", is_flag=True, help="Let the run go on without this terminal; print its id.")
@click.option("--reattach", metavar="RUN", help="Show and follow a detached run.", shell_complete=completion.runs)
@click.option("--tail", type=click.IntRange(min=0), metavar="N", help="With --reattach: begin with the last N lines.")
@click.option(
    "--kill",
    metavar="RUN",
    help="End a run and all it started: SIGINT, after 3 s SIGTERM, then SIGKILL.",
    shell_complete=completion.runs,
)
@click.option("--signal", "signal_name", metavar="NAME", help="With --kill: send this signal, and nothing else.")
@click.option("--watch", is_flag=True, help="With --console: only look on while others type.")
@click.option("--relay", is_flag=True, hidden=True, help="With --console: frames on standard input and output.")
@boxoption.box_group_option
@fileoptions.file_options
@click.argument("runnable", required=False, shell_complete=completion.files)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, shell_complete=completion.files)
@click.pass_context
def python(
    context: click.Context,
    module: bool,
    settings: tuple[str, ...],
    passed: tuple[str, ...],
    timeout: float,
    pause_on_error: bool,
    resume: str | None,
    continue_all: bool,
    extend: tuple[str, float] | None,
    console: str | None,
    pause: str | None,
    detach: bool,
    reattach: str | None,
    tail: int | None,
    kill: str | None,
    signal_name: str | None,
    watch: bool,
    relay: bool,
    box: str | None,
    added: tuple[str, ...],
    downloads: tuple[str, ...],
    overwrite: bool,
    runnable: str | None,
    arguments: tuple[str, ...],
) -> int:
    """Run RUNNABLE, a Python file or a folder with a main.py, so that pause() and breakpoint() stop it.

    With --box, a file goes to the box alone, a folder with all in it that git would not ignore; what else the script
    imports or opens is sent with --add-file. It all lies in a private folder there, which the run starts in, and which
    is removed when the run is over.

    \b
    Examples:
      lager python test.py --its-own-options
      lager python -m package.module
      lager python test.py --box bench3
      lager python project --box bench3 --add-file limits.csv --download 'results/*.csv'
      lager python --pause-on-error test.py
      lager python --continue 7f3a
      lager python --console 7f3a
      lager python --detach test.py
      lager python --reattach 9b1c --tail 20     (a run, by its id in: lager runs)
      lager python --pause 9b1c
      lager python --kill 9b1c
      lager python --console 7f3a --watch
    """
    asked = [one is not None for one in (resume, extend, console, pause, reattach, kill, runnable)] + [continue_all]
    if sum(asked) != 1:
        what = (
            "Name a script to run, or one of --continue, --continue-all, --extend, --console, --pause, --reattach"
            " and --kill"
        )
        raise click.UsageError(f"{what}." if not any(asked) else f"{what}, not several of them.")
    for option, needs, given in (
        ("--detach", "a script to run", not detach or runnable),
        ("--tail", "--reattach", tail is None or reattach),
        ("--signal", "--kill", signal_name is None or kill),
        ("--watch", "--console", not watch or console),
        ("--download", "a run without --detach", not (downloads and detach)),
    ):
        if not given:
            raise click.UsageError(f"{option} needs {needs}.")
    there = boxoption.choose(context, box)
    if console is not None:
        from lager_cli.console import attach, is_ours

        if there is None or is_ours(watch, relay):
            return attach(console, there, watch=watch, relay=relay)
    if there is not None:
        from lager_cli import remote

        known = {name: os.environ[name] for name in passed if name in os.environ}
        if runnable is None:
            return remote.run(there, boxoption.typed(context), environment=known, reads=console is not None)
        from lager_cli.runfiles import RunFiles

        files = RunFiles(runnable, module, added, downloads, overwrite=overwrite)
        return files.run(there, boxoption.typed(context), known, stays=detach)
    fileoptions.check(added)
    if resume is not None:
        return _continue(resume)
    if continue_all:
        count = ask("ContinueAll")[0]
        output.say(f"Resumed {count} paused script{'' if count == 1 else 's'}.")
        return 0
    if extend is not None:
        return _extend(*extend)
    if pause is not None:
        from lager_cli import asking

        return asking.ask(pause)
    if reattach is not None:
        from lager_cli import reattach as following

        return following.reattach(reattach, tail)
    if kill is not None:
        from lager_cli import killing

        return killing.kill(kill, signal_name)
    from lager_cli.run import Run

    assert runnable is not None
    if pause_on_error:
        settings = (*settings, "LAGER_PAUSE_ON_ERROR=1")
    run = Run(runnable, arguments, module, _environment(settings, passed), timeout if detach else _capped(timeout))
    if detach:
        from lager_cli import detach as detaching

        return detaching.detach(run)
    return run.run()


def _continue(id: str) -> int:
    resumed = ask("Continue", "s", _only_one() if id == _ONLY_ONE else id)[0]
    output.say(f"Resumed {resumed}.")
    return 0


def _only_one() -> str:
    """The id of the only pause there is."""
    pauses = ask("List")[0]
    if not pauses:
        raise NoSuchBreakpoint("No script is paused.")
    if len(pauses) > 1:
        from lager_cli.breakpoints import show

        show(pauses)
        raise AmbiguousId(f"{len(pauses)} scripts are paused.", "Name one of them by its id, or use --continue-all.")
    return str(pauses[0]["id"])


def _extend(id: str, seconds: float) -> int:
    remaining = ask("Extend", "sd", id, seconds)[0]
    output.say(f"{id} has {time_left(remaining)} left." if remaining else f"{id} waits until it is resumed.")
    return 0


def _environment(settings: tuple[str, ...], passed: tuple[str, ...]) -> dict[str, str]:
    chosen = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not (name and equals):
            raise click.BadParameter(f"{setting!r} is not of the form FOO=BAR.", param_hint="--env")
        chosen[name] = value
    for name in passed:
        if name not in os.environ:
            output.note(f"{name} is not set here, so there is nothing to pass on")
    return chosen


def _capped(timeout: float) -> float:
    """At most what lagerd allows a run on this box; it is only asked where a limit is wanted."""
    if not timeout:
        return 0.0
    try:
        longest = float(get("MaxRunTimeout"))
    except LagerError:
        longest = LONGEST_RUN  # the run itself will say that lagerd is not there
    if timeout > longest:
        output.note(f"--timeout is capped at {longest:g} s")
    return min(timeout, longest)
