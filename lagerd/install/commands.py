"""`lagerd install` and `lagerd uninstall`."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from lager.errors import LagerError
from lager.nets import file as nets_file
from lager.wording import text_files
from lagerd import config
from lagerd.install import health
from lagerd.install import install as work
from lagerd.install.install import Step

_root = click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default="/",
    help="Work below this folder; do not change the running system [default: /].",
)
_dry_run = click.option("--dry-run", is_flag=True, help="Print what would be done; change nothing.")


@click.command()
@_root
@_dry_run
@click.option(
    "--journal-upload",
    "upload_to",
    metavar="URL",
    default="",
    help="Also have systemd send the whole journal of this machine to a collector (default: as before).",
)
def install(root: Path, dry_run: bool, upload_to: str) -> None:
    """Install lagerd as a service of this machine, or update it. Edited configuration files are kept.

    \b
    Examples:
      sudo lagerd install
      sudo lagerd install --journal-upload https://collector.example.com:19532
    """
    _show(work.install(root, dry_run, upload_to))
    if upload_to:
        click.echo(f"The whole journal of this machine is sent to {upload_to}, not only the records of lagerd.")
    if not dry_run:
        click.echo("Add each user of the bench to the group lager: sudo adduser NAME lager")


@click.command()
@_root
@_dry_run
def uninstall(root: Path, dry_run: bool) -> None:
    """Remove what `lagerd install` created, except edited configuration files.

    \b
    Example:
      sudo lagerd uninstall
    """
    _show(work.uninstall(root, dry_run))


@click.command()
def check() -> None:
    """Check each part of this box, and print how to fix what is wrong.

    It changes and starts nothing. The exit code is 0 only if every part is healthy.

    \b
    Example:
      sudo lagerd check
    """
    wrong = 0
    for finding in health.findings():
        click.echo(str(finding))
        wrong += finding.wrong
    click.echo(f"{wrong} to fix." if wrong else "This box is healthy.")
    if wrong:
        sys.exit(1)


@click.command("check-config")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
def check_config(file: Path | None) -> None:
    """Check FILE and its drop-ins, and list every mistake in them [default: /etc/lager/lagerd.toml].

    Without FILE, it also lists the benches of this machine: those that the nets file and its drop-ins name.

    \b
    Example:
      lagerd check-config
    """
    path = config.PATH if file is None else file
    there = path.exists()
    rejected: list[LagerError] = list(config.load(path).rejected)
    click.echo(f"{path} is correct." if there else f"There is no {path}; lagerd uses the defaults.")
    for each in text_files.drop_ins(path):
        if not any(error.what.startswith(each) for error in rejected):
            click.echo(f"{each} is correct.")
    if file is None:
        rejected += _benches()
    for error in rejected:
        click.echo(f"Error: {error}", err=True)
    if rejected:
        sys.exit(config.ConfigError.exit_code)


def _benches() -> tuple[LagerError, ...]:
    """Print each named bench of this machine; return the mistakes in the nets files."""
    if not nets_file.exists(nets_file.path()):
        return ()
    try:
        found = nets_file.load()
    except LagerError as error:
        return (error,)
    for bench in found.benches:
        if bench.name or bench.group:
            count = sum(one.bench == bench.name for one in found.instruments.values())
            whose = f"only for the group {bench.group}" if bench.group else "for every member of the group lager"
            instruments = "1 instrument" if count == 1 else f"{count} instruments"
            click.echo(f"bench {bench.name or '-'}: {instruments} in {bench.path}, {whose}")
    return found.rejected


def _show(steps: Iterator[Step]) -> None:
    failed = False
    for step in steps:
        click.echo(str(step), err=step.failed)
        failed |= step.failed
    if failed:
        sys.exit(1)
