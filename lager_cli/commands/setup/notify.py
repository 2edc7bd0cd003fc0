"""`lager notify`: sends messages about the bench to people who are away."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lager_cli.display import output

if TYPE_CHECKING:
    from lager_cli.notify.config import NotifyConfig

_config = click.option(
    "--config",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Read FILE (default: /etc/lager/notify.toml).",
    metavar="FILE",
)


@click.group(invoke_without_command=True)
@click.option(
    "--foreground",
    "--here",
    "foreground",
    is_flag=True,
    help="Run in this terminal until Ctrl-C, and report the pauses of this user's bus.",
)
@_config
@click.pass_context
def notify(context: click.Context, foreground: bool, file: Path | None) -> None:
    """Send messages about pauses, open questions, timeouts and quarantines, by mail, chat or push.

    On a box lager-notify.service does this, if /etc/lager/notify.toml exists. The file lists the URLs, as in apprise,
    and the events that are sent.

    \b
    Examples:
      sudo lager notify test
      lager notify --foreground --config notify.toml
    """
    if context.invoked_subcommand is not None:
        return
    if not foreground:
        raise click.UsageError(
            "On a box, lager-notify.service does this. To run it in this terminal, add --foreground."
        )
    from lager_cli.notify import sender
    from lager_cli.notify.notifier import Notifier

    sender.require_apprise()
    asyncio.run(Notifier(_load(file)).run())


def _load(file: Path | None) -> "NotifyConfig":
    from lager_cli.notify import config

    if warning := config.others_read(file):
        output.note(warning)
    return config.load(file)


@notify.command()
@_config
@click.pass_context
def test(context: click.Context, file: Path | None) -> int:
    """Send one message to each URL, and print the results.

    \b
    Examples:
      sudo lager notify test
      lager notify test --config notify.toml
    """
    from lager_cli.notify import notifier, sender

    sender.require_apprise()
    assert context.parent is not None
    outcomes = asyncio.run(notifier.test(_load(file or context.parent.params["file"])))
    for target, why in outcomes:
        if why:
            output.note(f"{target.name} failed: {why}")
        else:
            output.say(f"Sent to {target.name}.")
    return int(any(why for _, why in outcomes))
