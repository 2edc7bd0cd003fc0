"""Splits the words after a script's name into lager's options and the script's arguments."""

from dataclasses import dataclass, field

import click


@dataclass(frozen=True)
class _Word:
    """An option of lager. `takes_value`: the next word, or the text after `=`. `is_told`: scripts often have such an
    option too, so lager tells the user that it took it."""

    takes_value: bool = True
    is_told: bool = False


_OURS = {
    "--box": _Word(),
    "--env": _Word(),
    "--passenv": _Word(),
    "--timeout": _Word(is_told=True),
    "--detach": _Word(takes_value=False, is_told=True),
    "--add-file": _Word(),
    "--download": _Word(is_told=True),
    "--allow-overwrite": _Word(takes_value=False),
    "--pause-on-error": _Word(takes_value=False),
}


@dataclass
class Split:
    """`ours` are options of lager with their values, `theirs` the arguments of the script, and `told` the options to
    report to the user."""

    ours: list[str] = field(default_factory=list)
    theirs: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def note(self) -> str:
        """The line for standard error; empty if there is nothing to report."""
        if not self.told:
            return ""
        return f"took {', '.join(self.told)} for itself; put -- before the script's own options"


def split(words: list[str]) -> Split:
    """Split the words after the name of a script file. The first `--` ends lager's options and is removed.

    Raises UsageError if an option of lager lacks its value.
    """
    found = Split()
    rest = iter(words)
    for word in rest:
        if word == "--":
            break
        name, equals, _ = word.partition("=")
        if name not in _OURS:
            found.theirs.append(word)
            continue
        taken = [word]
        if _OURS[name].takes_value and not equals:
            value = next(rest, "--")
            if value == "--":
                raise click.UsageError(f"Option {name!r} requires an argument. {ADVICE}")
            taken.append(value)
        found.ours += taken
        if _OURS[name].is_told:
            found.told.append(" ".join(taken))
    found.theirs += rest
    return found


ADVICE = "If it is the script's own option, put -- before it."
