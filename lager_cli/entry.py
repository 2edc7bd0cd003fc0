"""The entry point of the `lager` command.

`lager continue` does not use the library for command lines, because a person waits for the script, and the import of
the library takes longer than everything else. All other commands, and all other forms of this one, go through `main`.
"""

import gc
import os
import sys

from lager.process import children


def main() -> None:
    children.hear_ends()
    words = sys.argv[1:]
    if not _is_continue(words):
        sys.exit(run(words))
    gc.disable()  # this command ends before there is any garbage
    code = run(words)
    gc.freeze()  # otherwise Python examines each object of all modules again when it ends
    sys.exit(code)


def run(words: list[str]) -> int:
    """Run `lager WORDS` and return its exit code."""
    if _is_continue(words):
        from lager_cli.display.ended import exit_code

        return exit_code(lambda: _continue(words))
    return _any(words)


def _is_continue(words: list[str]) -> bool:
    """Return whether the words are `continue` or `continue ID`, without an option, and the shell completes nothing."""
    is_plain = not any(word.startswith("-") for word in words[1:])
    return words[:1] == ["continue"] and len(words) <= 2 and is_plain and "_LAGER_COMPLETE" not in os.environ


def _continue(words: list[str]) -> int:
    from lager_cli.boxes.names.chosen import chosen

    if chosen() is not None:
        return _any(words)
    from lager_cli.commands.breakpoints import resume

    return resume.resume_own(words[1] if len(words) > 1 else "")


def _any(words: list[str]) -> int:
    from lager_cli import main

    return main.run(words)
