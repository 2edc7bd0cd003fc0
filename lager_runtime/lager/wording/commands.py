"""Formats the commands in messages so that the user can type them: with the path of `lager` if it is not on the PATH.

In a run, `lager python` has determined the path, because the script may have another environment. On a box, the user's
own machine has, because the user types the commands there.
"""

import os
import sys

from lager import variables
from lager.wording.text import printable

_BEFORE = r"(?:(?<=: )|(?<=sudo )|(?<=  )|(?<=['`]))"  # a command in a sentence; elsewhere the word is a name


def path() -> str:
    """Return the word to type for `lager`."""
    return printable(missing_path() or "lager", 200)


def command() -> str:
    """Return the words to type for `lager` in other terminals; they name a simulated bench, so that it is used."""
    bench = _environ().get(variables.BENCH)
    return f"{variables.BENCH}={printable(bench, 200)} {path()}" if bench else path()


def box_option() -> str:
    """Return the option with which a shown command reaches the box of this process; empty without a name."""
    box = _environ().get(variables.BOX)
    return f" --box {printable(box, 100)}" if type(box) is str and box else ""


def as_typed(text: str) -> str:
    """Return a sentence of lager with its commands as the user can type them."""
    if " lager " not in f" {text}" and "'lager " not in text and "`lager " not in text:
        return text
    in_run = _environ().get(variables.PROCESS_ID)
    typed = command() if in_run else path()
    if typed == "lager":
        return text
    import re

    return re.sub(_BEFORE + r"lager(?= [a-z-])", lambda _: typed, text)


def missing_path() -> str:
    """Return the path of `lager` as the run, or the user's own machine, has told; else as it is found here. It is ""
    if the user can type `lager`, or where it is not known."""
    environ = _environ()
    given = environ.get(variables.COMMAND)
    if type(given) is str:
        return given
    folders = environ.get("PATH", os.defpath).split(os.pathsep)
    if environ.get(variables.BOX) or any(_is_program(os.path.join(folder, "lager")) for folder in folders if folder):
        return ""
    started = os.path.abspath(sys.argv[0]) if sys.argv else ""
    beside = os.path.join(os.path.dirname(sys.executable), "lager")
    found = [one for one in (started, beside) if os.path.basename(one) == "lager" and _is_program(one)]
    if not found:
        return ""
    import shlex

    return shlex.quote(found[0])


def _is_program(file: str) -> bool:
    return os.path.isfile(file) and os.access(file, os.X_OK)


def _environ() -> "os._Environ[str] | dict[str, str]":
    """Return the environment as it was before the script of a run began; outside a run, as it is."""
    start = getattr(sys, "_lager_start", None)
    environ: os._Environ[str] | dict[str, str] = os.environ if start is None else start.environ
    return environ
