"""Turns the exception that ended a command into a message and an exit code. No other module does so."""

import os
import sys
from collections.abc import Callable
from io import TextIOWrapper

from lager.bus.transport import library
from lager.errors import LagerError
from lager_cli.display import output


def exit_code(work: Callable[[], int]) -> int:
    """Do the work of a command and return its exit code."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as for standard error: no character can stop a command
    library.only_parts()
    try:
        return work()
    except LagerError as problem:
        output.error(problem)
        return problem.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # like head(1); end like a program that SIGPIPE ended
        # The interpreter must not complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except OSError as problem:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        where = "" if problem.filename is None else f": {os.fsdecode(problem.filename)}"
        said = f"{problem.strerror or problem}{where}"
        output.error(LagerError(f"The operating system reported an error: {said}.", "Fix this and try again."))
        return 1
