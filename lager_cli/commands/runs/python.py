"""`lager python`: runs a script; or resumes, extends or inspects a paused one."""

import json
import os
from collections.abc import Sequence
from typing import Any

import click

from lager import variables
from lager.contract import LONGEST_RUN
from lager.errors import LagerError
from lager_cli.commands.runs.asked import SORTED, Asked, PythonCommand, check
from lager_cli.daemon import get
from lager_cli.display import output
from lager_cli.options import box_option, completion, file_options
from lager_cli.options.common import seconds
from lager_cli.options.typed_values import Whole

_SETTINGS = variables.ENV_SETTINGS  # of --env, for the lager on a box
_CI = "CI"  # set by GitHub, GitLab, Jenkins and others
_ONLY_ONE = "\0"  # cannot be typed: `--continue ""` is a mistake and resumes nothing


@click.command(
    cls=PythonCommand, context_settings={"allow_interspersed_args": False, "help_option_names": ["-h", "--help"]}
)
@click.option("-m", "module", is_flag=True, help="Run a module by its name, as python -m does.")
@click.option("-c", "code", is_flag=True, help="Run the code that follows, as python -c does.")
@click.option("-u", "unbuffered", is_flag=True, help="Do not buffer the output, as python -u does.")
@click.option(
    "--python",
    "interpreter",
    metavar="PATH",
    help="Use the interpreter or environment at PATH (default: LAGER_PYTHON, else uv for # /// script, else"
    " VIRTUAL_ENV, else .venv beside the script, else lager's own; with --box only LAGER_PYTHON of the box).",
)
@click.option("--env", "settings", multiple=True, metavar="FOO=BAR", help="Set a variable for the script.")
@click.option("--passenv", "passed", multiple=True, metavar="NAME", help="Pass a variable of this shell to the script.")
@click.option("--timeout", type=seconds, default=0.0, help="End the run after this time, paused or not (0: never).")
@click.option("--simulate", is_flag=True, help="Simulate the instruments of the nets file; reach no real one.")
@click.option("--pause-on-error", is_flag=True, help="Pause where an uncaught error is raised.")
@click.option(
    "--continue",
    "resume",
    is_flag=False,
    flag_value=_ONLY_ONE,
    metavar="[ID]",
    help="Resume a paused script (default: your only one).",
    shell_complete=completion.pauses,
)
@click.option("--continue-all", is_flag=True, help="Resume every paused script.")
@click.option(
    "--extend",
    nargs=2,
    type=(str, seconds),
    metavar="ID TIME",
    help="Give a pause more time: 90, 10m, 1h; 0: no limit.",
    shell_complete=completion.pauses,
)
@click.option(
    "--console", metavar="ID", help="Open a Python console inside a paused script.", shell_complete=completion.consoles
)
@click.option("--pause", metavar="RUN", help="Ask a run to pause where it is.", shell_complete=completion.running)
@click.option("-d", "--detach", is_flag=True, help="Run in the background; print the run's id.")
@click.option("--reattach", metavar="RUN", help="Show and follow a detached run.", shell_complete=completion.detached)
@click.option("--tail", type=Whole(min=0), metavar="N", help="With --reattach: start with the last N lines.")
@click.option(
    "--kill",
    metavar="RUN",
    help="End a run and everything it started: SIGINT, after 3 s SIGTERM, then SIGKILL.",
    shell_complete=completion.running,
)
@click.option("--kill-all", is_flag=True, help="End all your active runs, as --kill does.")
@click.option("--yes", is_flag=True, help="With --kill or --kill-all: ignored, for compatibility: lager does not ask.")
@click.option("--signal", "signal_name", metavar="NAME", help="With --kill or --kill-all: send only this signal.")
@click.option("--watch", is_flag=True, help="With --console: follow what others type, read-only.")
@click.option("--relay", is_flag=True, hidden=True, help="With --console: frames on standard input and output.")
@click.option(
    "--any",
    "nets",
    multiple=True,
    metavar="NET[,NET...]",
    help="Claim the nets for the script before it starts; with --box @GROUP on the first box where they are free.",
)
@click.option("--wait", type=seconds, default=0.0, help="With --any: how long to wait in line (default: do not wait).")
@box_option.box_group_option
@file_options.file_options
@click.argument("runnable", required=False, shell_complete=completion.runnable)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, shell_complete=completion.files)
@click.pass_context
def python(context: click.Context, /, **options: Any) -> int:
    """Run RUNNABLE, a Python file or a folder with a main.py, and let pause() and breakpoint() pause it. "-" reads the
    script from standard input.

    With --box, a file is sent alone, and a folder without the files that git ignores. Use --add-file to send other
    files that the script imports or opens. They go to a private folder on the box. The run starts in that folder, which
    is removed when the run has ended.

    After a script, lager also accepts --box, --env, --passenv, --timeout, --detach, --add-file, --download,
    --allow-overwrite and --pause-on-error, up to "--"; every other word goes to the script. With -m and -c, all words
    after the module or the code go to it.

    \b
    Examples:
      lager python test.py --its-own-options
      lager python -m package.module
      lager python -c 'from lager import pause; pause("look")'
      lager python test.py --box bench3 --env LAGER_BREAKPOINTS=off
      lager python test.py -- --timeout 5      (the script's --timeout)
      lager python project --box bench3 --add-file limits.csv --download 'results/*.csv'
      lager python --box @rack2 --any supply2,adc1 --wait 10m test.py
      lager python --pause-on-error test.py
      lager python --simulate test.py
      lager python --continue 7f3a
      lager python --console 7f3a
      lager python --detach test.py
      lager python --reattach 9b1c --tail 20     (a run, by its id in: lager runs)
      lager python --pause 9b1c
      lager python --kill 9b1c
      lager python --console 7f3a --watch
    """
    options["nets"] = tuple(net.strip() for nets in options["nets"] for net in nets.split(","))
    asked = Asked(**options)
    if asked.settings:
        from lager_cli.linux import hide_arguments

        hide_arguments.hide_values(asked.settings)
    check(asked)
    there = box_option.choose(context, asked.box)
    if asked.console is not None:
        from lager_cli.console.attach import attach, is_ours

        if there is None or is_ours(asked.watch, asked.relay):
            with box_option.says_where_from(asked.box):
                return attach(asked.console, there, watch=asked.watch, relay=asked.relay)
    if there is None:
        return _here(asked)
    # Pass lager's options before the script, where every version of lager accepts them.
    words = context.meta.get(SORTED)
    with box_option.says_where_from(asked.box):
        return _there(asked, there, box_option.typed(context) if words is None else ["python", *words])


def _there(asked: Asked, box: str, words: list[str]) -> int:
    """Run the command with these words on a box."""
    from lager_cli.boxes import remote
    from lager_cli.boxes.names import box_groups

    known = {name: os.environ[name] for name in asked.passed if name in os.environ}
    if asked.runnable is None:
        return remote.run(box, words, environment=known, reads=asked.console is not None)
    from lager_cli.boxes.run_files import RunFiles

    if _off_by_default(asked):
        known[variables.BREAKPOINTS] = "off"
    if asked.settings:
        _environment(asked.settings, ())
        known[_SETTINGS] = json.dumps(asked.settings)
        words = _without(asked.settings, words)
    files = RunFiles(asked.runnable, asked.flag, asked.added, asked.downloads, overwrite=asked.overwrite)
    if asked.nets and box_groups.is_several(box):
        from lager_cli.boxes.several import any_box
        from lager_cli.runs.run import new_id

        id = new_id()
        with any_box.held(box, asked.nets, id, asked.runnable, asked.wait) as free:
            output.note(f"the script runs on {free}")
            return files.run(free, words, {**known, variables.NEXT_RUN: id}, stays=asked.detach)
    return files.run(box, words, known, stays=asked.detach)


def _without(settings: tuple[str, ...], words: list[str]) -> list[str]:
    """Return the words without `--env`: every user of a box can read the arguments of its processes."""
    left, rest = list(settings), []
    at = 0
    while at < len(words):
        if left and words[at : at + 2] == ["--env", left[0]]:
            at += 1
            left.pop(0)
        elif left and words[at] == f"--env={left[0]}":
            left.pop(0)
        else:
            rest.append(words[at])
        at += 1
    return rest


def _resume(asked: Asked) -> int:
    from lager_cli.commands.breakpoints import resume  # a run does not need it

    if asked.continue_all:
        return resume.resume_all()
    if asked.extend is not None:
        return resume.extend(*asked.extend)
    return resume.resume(None if asked.resume == _ONLY_ONE else asked.resume)


def _here(asked: Asked) -> int:
    file_options.check(asked.added)
    if asked.resume is not None or asked.continue_all or asked.extend is not None:
        return _resume(asked)
    if asked.pause is not None:
        from lager_cli.runs import request_pause

        return request_pause.ask(asked.pause)
    if asked.reattach is not None:
        from lager_cli.detached import reattach

        return reattach.reattach(asked.reattach, asked.tail)
    if asked.kill is not None:
        from lager_cli.runs.ending import kill

        return kill.kill(asked.kill, asked.signal_name)
    if asked.kill_all:
        from lager_cli.runs.ending import kill

        return kill.kill_all(asked.signal_name)
    return _run(asked)


def _run(asked: Asked) -> int:
    from lager_cli.runs import interpreter
    from lager_cli.runs.run import Run

    assert asked.runnable is not None
    settings = [*json.loads(os.environ.pop(_SETTINGS, "[]")), *asked.settings]
    settings += [f"{variables.PAUSE_ON_ERROR}=1"] if asked.pause_on_error else []
    settings += ["PYTHONUNBUFFERED=1"] if asked.unbuffered else []
    if _off_by_default(asked):
        settings.insert(0, f"{variables.BREAKPOINTS}=off")
    environment = _environment(settings, asked.passed)
    timeout = asked.timeout if asked.detach else _capped(asked.timeout)
    chosen = interpreter.choose(asked.interpreter, asked.runnable, asked.flag)
    simulate = _simulated_file() if asked.simulate else ""
    run = Run(
        asked.runnable, asked.arguments, asked.flag, environment, timeout, chosen, asked.nets, asked.wait, simulate
    )
    if asked.detach:
        from lager_cli.detached import detach

        return detach.detach(run)
    return run.run()


def _off_by_default(asked: Asked) -> bool:
    """Return whether pauses are off because this is a build server, and no option asks for them. Says so."""
    ci = os.environ.get(_CI, "").strip().lower()
    named = {setting.partition("=")[0] for setting in asked.settings}
    if not ci or ci in variables.OFF or variables.BREAKPOINTS in {*os.environ, *named} or asked.pause_on_error:
        return False
    output.note(f"pauses are off, because {_CI} is set; to pause, set {variables.BREAKPOINTS}=on")
    return True


def _simulated_file() -> str:
    """Return the nets file to simulate; empty if the bench is simulated already."""
    from lager.nets import file as nets_file

    if os.environ.get(variables.BENCH):
        return ""
    path = nets_file.path()
    if not os.path.exists(path):  # a simulation is of one file, without its drop-ins
        nets_file.load(path)  # raises the error that says so
    return path


def _environment(settings: Sequence[str], passed: tuple[str, ...]) -> dict[str, str]:
    chosen = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not (name and equals):
            raise click.BadParameter(f"{setting!r} is not of the form FOO=BAR.", param_hint="--env")
        chosen[name] = value
    for name in passed:
        if name not in os.environ:
            output.note(f"{name} is not set here; --passenv has no effect")
    return chosen


def _capped(timeout: float) -> float:
    """Limit the timeout to the maximum of this box. Asks lagerd only if there is a timeout."""
    if not timeout:
        return 0.0
    try:
        longest = float(get("MaxRunTimeout"))
    except LagerError:
        longest = LONGEST_RUN  # the run itself reports that lagerd does not answer
    if timeout > longest:
        output.note(f"--timeout is capped at {longest:g} s")
    return min(timeout, longest)
