"""Any instrument that speaks SCPI: sends the messages of the script without interpreting them.

IEEE 488.2 (1992): 8.7.9, the block of definite length that answers a binary query; 11.5.1, the common commands. SCPI
1999, 21.8.8: `:SYSTem:ERRor?`.
"""

import re
from collections.abc import Mapping
from typing import ClassVar

from lager.errors import InvalidArgument
from lager.instruments.drivers.base.driver import Driver
from lager.instruments.sessions.scpi import Scpi
from lager.wording.values import shown

_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_LONGEST = 65536


def parts(message: str) -> list[bool]:
    """Return for each part of a message whether it is a query; ignores text in quotes."""
    return ["?" in part.split(" ")[0] for part in (one.strip() for one in _QUOTED.sub("", message).split(";")) if part]


class ScpiNet(Driver[Scpi]):
    """An instrument that accepts SCPI. No limit of the nets file applies to the messages."""

    SETS: ClassVar[Mapping[str, tuple[str, ...]]] = {"tell": (), "query_binary": ()}

    def ask(self, question: str) -> str:
        """Send a query, such as "*IDN?" or "VOLT?;CURR?", and return its answer, a line of text.

        Raises InvalidArgument if any part of it is a command.
        """
        return self.session.ask(self._checked(question, query=True), str)

    def tell(self, command: str) -> None:
        """Send a command, then read the error queue of the instrument. Raises Rejected if it has an entry.

        With `error_queue = false` in the nets file, the queue is neither cleared nor read. Raises InvalidArgument for a
        query, whose answer would stay unread.
        """
        words = self._checked(command, query=False)
        if self.config.options.get("error_queue", True):
            self.session.tell(words)
        else:
            self.session.say(words)

    def query_binary(self, question: str) -> bytes:
        """Send a query that is answered with a block of bytes, such as a waveform or a screenshot, and return them.

        Raises BadReply if the answer is not a block of definite length, and InvalidArgument like ask.
        """
        return self.session.ask_block(self._checked(question, query=True))

    def _checked(self, message: str, *, query: bool) -> str:
        kind = "query" if query else "command"
        text = message.strip() if isinstance(message, str) else ""
        if not text or len(text) > _LONGEST or not text.isascii() or not text.isprintable():
            what = f"{self.name}: {shown(message)} is not a {kind}."
            raise InvalidArgument(what, "Give one line of printable ASCII.")
        kinds = parts(text)
        if not kinds or not all(one is query for one in kinds):
            hint = "Send commands with tell()." if query else "Send queries with ask()."
            raise InvalidArgument(f"{self.name}: {shown(message)} is not only a {kind}.", hint)
        return text
