"""Writes the manual pages, from the commands themselves and from docs/: `python -m package.manual_pages FOLDER DATE`.

A page is Markdown first. lowdown(1) makes it a page for man(1).
"""

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from lager import build
from lager_cli.main import cli as lager_command
from lagerd.main import cli as lagerd_command

DOCS = Path(__file__).parents[1] / "docs"
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]+\)")


@dataclass(frozen=True)
class Page:
    """A manual page as Markdown, without its title line."""

    name: str
    section: int
    text: str

    @property
    def file(self) -> str:
        return f"{self.name}.{self.section}"


@dataclass(frozen=True)
class _FromDocs:
    """A page of a file or an interface: a document, or one section of it."""

    name: str
    what: str
    document: str
    heading: str = ""
    also: tuple[str, ...] = ()


_FILES = (
    _FromDocs("nets.toml", "the nets of a bench, and their instruments", "nets", also=("lager-nets(1)",)),
    _FromDocs(
        "lagerd.toml", "the configuration of lagerd", "administration", "Configuration", ("lagerd(8)", "nets.toml(5)")
    ),
    _FromDocs(
        "boxes.toml", "names and groups of boxes", "desk", "The file of your boxes", ("lager-boxes(1)", "ssh_config(5)")
    ),
    _FromDocs("notify.toml", "who is told about pauses", "notify", also=("lager-notify(1)",)),
    _FromDocs(
        "com.lager.Breakpoints",
        "the D-Bus interface of lagerd",
        "dbus",
        also=("lagerd(8)", "busctl(1)", "com.lager.Instruments(5)"),
    ),
)
_ALIASES = {"com.lager.Instruments.5": "com.lager.Breakpoints.5"}


def write(folder: Path, date: str) -> None:
    """Write every page below `folder`/man1, man5 and man8. `date` is the day that the pages name: 2026-11-27."""
    for page in pages():
        place = folder / f"man{page.section}" / page.file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(_roff(page, date), encoding="utf-8")
    for alias, file in _ALIASES.items():
        section = alias.rpartition(".")[2]
        (folder / f"man{section}" / alias).write_text(f".so man{section}/{file}\n", encoding="utf-8")


def pages() -> Iterator[Page]:
    """Yield a page for each command, configuration file and interface."""
    yield from _of_commands(lager_command, "lager", ("lagerd(8)", "nets.toml(5)"))
    yield _of_daemon()
    for source in _FILES:
        yield _of_document(source)


def _of_commands(group: click.Group, name: str, also: tuple[str, ...]) -> Iterator[Page]:
    """Yield the page of a group of commands, and one for each of its commands that has no commands of its own."""
    context = click.Context(group, info_name=name, **group.context_settings)
    commands = {word: _command(group, context, word) for word in group.list_commands(context)}
    names = [f"{name}-{word}(1)" for word in commands]
    yield Page(name, 1, _join(_described(group, context), _contents(name, commands), _see((*names, *also))))
    for word, command in commands.items():
        inner = _inside(context, command, word)
        parts = [*_described(command, inner)]
        if isinstance(command, click.Group):
            for each in command.list_commands(inner):
                one = _command(command, inner, each)
                parts += _subcommand(one, _inside(inner, one, each))
        yield Page(f"{name}-{word}", 1, _join(parts, _see((f"{name}(1)", *also))))


def _of_daemon() -> Page:
    context = click.Context(lagerd_command, info_name="lagerd")
    parts = [*_described(lagerd_command, context)]
    for word in lagerd_command.list_commands(context):
        command = _command(lagerd_command, context, word)
        parts += _subcommand(command, _inside(context, command, word))
    parts += ["# ON A BOX", _document("administration", lower=1)]
    return Page("lagerd", 8, _join(parts, _see(("lager(1)", "lagerd.toml(5)", "com.lager.Breakpoints(5)"))))


def _of_document(source: _FromDocs) -> Page:
    text = _document(source.document, source.heading)
    described = text if text.startswith("# ") else f"# DESCRIPTION\n\n{text}"
    return Page(source.name, 5, _join([_name(source.name, source.what), described], _see(source.also)))


def _command(group: click.Group, context: click.Context, word: str) -> click.Command:
    command = group.get_command(context, word)
    assert command is not None, word
    return command


def _inside(context: click.Context, command: click.Command, word: str) -> click.Context:
    return click.Context(command, parent=context, info_name=word)


def _described(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield the sections of a command: its name, synopsis, description, options and examples."""
    about, examples = _help(command)
    name = context.command_path.replace(" ", "-")
    yield _name(name, command.get_short_help_str(400).rstrip("."))
    yield f"# SYNOPSIS\n\n{_usage(command, context)}"
    yield f"# DESCRIPTION\n\n{about}"
    if options := _options(command, context):
        yield f"# OPTIONS\n\n{options}"
    if examples:
        yield f"# EXAMPLES\n\n{examples}"


def _subcommand(command: click.Command, context: click.Context) -> Iterator[str]:
    about, examples = _help(command)
    yield f"# {context.command_path}"
    yield from (part for part in (_usage(command, context), about, _options(command, context), examples) if part)


def _name(name: str, what: str) -> str:
    return f"# NAME\n\n{name} - {_escaped(what)}"


def _usage(command: click.Command, context: click.Context) -> str:
    words = " ".join(command.collect_usage_pieces(context))
    return f"**{context.command_path}** {_escaped(words)}"


def _help(command: click.Command) -> tuple[str, str]:
    """Return the help of a command without its examples, and these. A paragraph behind \\b keeps its lines."""
    text = inspect.cleandoc(command.help or "")
    about: list[str] = []
    examples = ""
    for paragraph in text.split("\n\n"):
        if not paragraph.startswith("\b"):
            about.append(_escaped(" ".join(paragraph.split())))
            continue
        first, *rest = paragraph.lstrip("\b\n").splitlines()
        listing = _listing(rest) if first.endswith(":") else _listing([first, *rest])
        if re.match(r"Examples?:", first):
            examples = listing
        else:
            about += [_escaped(first), listing] if first.endswith(":") else [listing]
    return "\n\n".join(about), examples


def _listing(lines: list[str]) -> str:
    return "\n".join(["```", *inspect.cleandoc("\n" + "\n".join(lines)).splitlines(), "```"])


def _options(command: click.Command, context: click.Context) -> str:
    found = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record and isinstance(parameter, click.Option):
            words, meaning = record
            found.append(f"**{_escaped(words)}**\n\n: {_escaped(' '.join(meaning.split()))}")
    return "\n\n".join(found)


def _contents(name: str, commands: dict[str, click.Command]) -> str:
    rows = [f"**{name}-{word}**(1)\n\n: {_escaped(one.get_short_help_str(400))}" for word, one in commands.items()]
    return "# COMMANDS\n\n" + "\n\n".join(rows)


def _see(names: tuple[str, ...]) -> str:
    return "# SEE ALSO\n\n" + ", ".join(f"**{name.rpartition('(')[0]}**({name.rpartition('(')[2]}" for name in names)


def _document(name: str, heading: str = "", lower: int = 0) -> str:
    """Return a document, or its section `heading`, with its headings `lower` levels below those of a page."""
    lines = (DOCS / f"{name}.md").read_text(encoding="utf-8").splitlines()[1:]
    found, wanted, code = [], not heading, False
    for line in lines:
        code ^= line.startswith("```")
        if not code and line.startswith("## ") and heading:
            wanted = line == f"## {heading}"
            continue
        if not code and line.startswith("##"):
            line = "#" * (lower - 1) + line if lower else line[1:]
        if wanted:
            found.append("```" if line.startswith("```") and code else line)
    return _LINK.sub(r"\1", _IMAGE.sub("", "\n".join(found))).strip()


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def _join(parts: object, *more: str) -> str:
    return "\n\n".join([*parts, *more]) + "\n"  # type: ignore[misc]


def _roff(page: Page, date: str) -> str:
    about = {
        "title": page.name, "section": str(page.section), "date": date, "volume": "lager",
        "source": f"lager-box {build.version()}",
    }  # fmt: skip
    words = [f"-m{key}: {value}" for key, value in about.items()]
    command = ["lowdown", "-s", "-t", "man", "--out-no-smarty", *words]
    return subprocess.run(command, input=page.text, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2])
