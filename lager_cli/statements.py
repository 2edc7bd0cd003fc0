"""Where one Python statement ends and the next begins, told line by line as the lines come."""

import codeop
import re

_CONTINUES = re.compile(r"(else|elif|except|finally)\b")


class Statements:
    """Lines in, whole statements out. A compound statement ends with an empty line, or where the next one begins."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def __bool__(self) -> bool:
        """Whether a statement has begun and not ended."""
        return bool(self._lines)

    def feed(self, line: str) -> list[str]:
        """The statements that `line` completes; what cannot be compiled is passed on for its error to be told."""
        done = []
        if self._lines and _begins_anew(line) and _is_whole("\n".join(self._lines) + "\n"):
            done.append(self.rest())
        if not self._lines and not line.strip():
            return done
        self._lines.append(line)
        if self._is_complete():
            done.append(self.rest())
        return done

    def rest(self) -> str:
        """What has been fed and not given out."""
        source = "\n".join(self._lines) + "\n"
        self._lines = []
        return source

    def _is_complete(self) -> bool:
        try:
            return codeop.compile_command("\n".join(self._lines), "<console>", "single") is not None
        except (SyntaxError, ValueError, OverflowError):
            return True


def _begins_anew(line: str) -> bool:
    return bool(line) and not line[0].isspace() and not _CONTINUES.match(line)


def _is_whole(source: str) -> bool:
    try:
        compile(source, "<console>", "exec")
    except (SyntaxError, ValueError, OverflowError):
        return False
    return True
