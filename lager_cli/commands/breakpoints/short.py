"""The short commands: `lager continue`, `answer`, `console`, `extend`, `attach`, `pause` and `kill`.

Each is an option of `lager python` as a command. The id defaults to the user's only pause or run; that of another user
must be named.
"""

import os
import shlex

import click

from lager_cli.commands.breakpoints import resume
from lager_cli.daemon import ask
from lager_cli.display import output
from lager_cli.options import completion
from lager_cli.options.box_option import acting_box_option, box_group_option, box_option, choose, typed
from lager_cli.options.common import seconds
from lager_cli.options.typed_values import TakesNumbers
from lager_cli.runs.own import own_pause, own_run

_SHORTEST_ID = 4  # characters of a prefix


@click.command("continue")
@acting_box_option
@click.argument("id", required=False, shell_complete=completion.pauses)
def continue_(id: str | None) -> int:
    """Resume a paused script. ID is that of the pause or of its run, or a prefix of it (default: your only pause).

    \b
    Examples:
      lager continue
      lager continue 7f3a
      lager continue 7f3a --box bench3
    """
    return resume.resume_own(id or "")


@click.command(cls=TakesNumbers)
@acting_box_option
@click.argument("words", nargs=-1, required=True, metavar="[ID] VALUE", shell_complete=completion.questions)
def answer(words: tuple[str, ...]) -> int:
    """Answer the question of a paused script: yes or no, a number with or without its unit, one of the choices, or
    text, as the question asks. Without ID, answer your only question.

    \b
    Examples:
      lager answer yes
      lager answer 7f3a 3.3V
      lager answer 7f3a 'serial number 42'
    """
    from lager.wording.question import shown
    from lager.wording.text import number_of

    if len(words) > 2:
        raise click.UsageError("Give at most an ID and a VALUE; quote a value of several words.")
    *named, value = words
    if named and number_of(named[0]) is not None and not (named[0].isalnum() and len(named[0]) >= _SHORTEST_ID):
        quoted = shlex.quote(" ".join(words))  # 5.5 mm
        raise click.UsageError(f"{named[0]} is not an ID; quote a value of several words: lager answer {quoted}")
    id = named[0] if named else own_pause(lambda one: "question" in one, "question", "questions")
    taken = ask("Answer", "sv", id, value)[0]
    output.say(f"Answered {id}: {shown(taken)}.")
    return 0


@click.command()
@acting_box_option
@click.argument("words", nargs=-1, required=True, metavar="[ID] TIME", shell_complete=completion.pauses)
def extend(words: tuple[str, ...]) -> int:
    """Give a paused script more time. TIME is in seconds or like 10m; 0 removes the limit. Without ID, extend your only
    pause.

    \b
    Examples:
      lager extend 10m
      lager extend 7f3a 1h
      lager extend 7f3a 0
    """
    if len(words) > 2:
        raise click.UsageError("Give at most an ID and a TIME.")
    *named, time = words
    span = seconds(time)
    return resume.extend(named[0] if named else own_pause(), span)


@click.command()
@box_group_option
@click.option("--watch", is_flag=True, help="Follow what others type, read-only.")
@click.option("--relay", is_flag=True, hidden=True)
@click.option("--lines", is_flag=True, hidden=True)
@click.argument("id", required=False, shell_complete=completion.consoles)
@click.pass_context
def console(context: click.Context, id: str | None, watch: bool, relay: bool, lines: bool, box: str | None) -> int:
    """Open a Python console in a paused script. Without ID, open that of your only pause with a console.

    \b
    Examples:
      lager console
      lager console 7f3a --watch
      echo 'read_adcs()' | lager console 7f3a
    """
    from lager_cli.console.attach import attach, is_ours

    there = choose(context, box)
    if there is not None and not is_ours(watch, relay):
        from lager_cli.boxes import remote

        return remote.run(there, typed(context), reads=True)
    if id is None and there is None:
        id = own_pause(lambda one: one["interactive"], "paused script with a console")
    return attach(id, there, watch=watch, relay=relay, lines=lines)


@click.command()
@click.option("--tail", type=click.IntRange(min=0), metavar="N", help="Start with the last N lines.")
@box_option
@click.argument("run", required=False, shell_complete=completion.detached)
def attach(run: str | None, tail: int | None) -> int:
    """Follow the output of a detached run, from its beginning. Without RUN, follow your only active one.

    \b
    Examples:
      lager attach
      lager attach 9b1c --tail 20
    """
    from lager_cli.detached import reattach

    return reattach.reattach(run or own_run(lambda one: one.detached, "detached run").id, tail)


@click.command()
@box_option
@click.argument("run", required=False, shell_complete=completion.running)
def pause(run: str | None) -> int:
    """Pause an active run where it is. Without RUN, pause your only one.

    \b
    Examples:
      lager pause
      lager pause 9b1c
    """
    from lager_cli.runs import request_pause

    return request_pause.ask(run or own_run().id)


@click.command()
@click.option("--signal", "signal_name", metavar="NAME", help="Send only this signal.")
@box_option
@click.argument("run", required=False, shell_complete=completion.running)
def kill(run: str | None, signal_name: str | None) -> int:
    """End a run and everything it started: SIGINT first, so that its `finally` blocks run, then SIGTERM and SIGKILL.
    Without RUN, end your only one, after a confirmation.

    \b
    Examples:
      lager kill 9b1c
      lager kill 9b1c --signal TERM
    """
    from lager_cli.runs.ending.kill import kill

    if run is not None:
        return kill(run, signal_name)
    if not os.isatty(0):
        raise click.UsageError("Name the run: there is no terminal to ask on. Your runs: lager runs")
    only = own_run()
    if not output.confirm(f"End the run {only.id[:8]}, {shlex.join([only.runnable, *only.arguments])}?"):
        return 1
    return kill(only.id, signal_name)
