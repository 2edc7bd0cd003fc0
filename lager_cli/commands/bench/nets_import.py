"""`lager nets import`: converts the list of nets of another lager."""

from pathlib import Path

import click

from lager.errors import NetsFileError
from lager.nets import file as nets_file
from lager.nets.imported import saved_nets
from lager.nets.model import NetConfig
from lager.wording import text_files
from lager_cli.display import output


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--output",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to FILE instead of standard output.",
)
def import_(file: Path, target: Path | None) -> int:
    """Convert the saved_nets.json of another lager to a nets file.

    Channels, limits and settings are converted. The command shows what each net has become, and lists what it cannot
    convert; if that is a limit, it writes nothing.

    \b
    Example:
      lager nets import saved_nets.json --output nets.toml
    """
    try:
        saved = text_files.read(file)
    except text_files.Unreadable as problem:
        hint = "Save it as UTF-8." if problem.is_encoding else "Check the file and its permissions."
        raise NetsFileError(f"{file} cannot be read: {problem.reason}.", hint) from None
    text, left_out = saved_nets.convert(saved)
    lost = [sentence for sentence in left_out if isinstance(sentence, saved_nets.LostLimit)]
    for sentence in left_out:
        if sentence not in lost:
            output.note(sentence)
    for sentence in lost:
        output.error(NetsFileError(sentence, f"Correct {file} and import it again; nothing was written."))
    if lost:
        return 1
    if not text:
        raise NetsFileError(f"{file} has no net that can be imported.", "Nothing was written.")
    if target is None:
        output.say(text.rstrip("\n"))
    else:
        if target.exists():
            raise NetsFileError(f"{target} already exists.", "Move it away, or write to another file.")
        target.write_text(text, encoding="utf-8")
    for net in nets_file.parse(text).nets.values():
        output.note(_told(net))
    return 0


def _told(net: NetConfig) -> str:
    """Return the description of a net in one line."""
    channel = "" if net.channel is None else f", channel {net.channel}"
    settings = net.limits.as_dict() | dict(net.options)
    kept = "".join(f", {key} {f'{value:g}' if isinstance(value, float) else value}" for key, value in settings.items())
    return f"{net.name} is a net of type {net.type.value} on {net.instrument}{channel}{kept}"
