"""com.lager.Script on the bus: the consoles and looks that lagerd brings to the pauses of this process.

Everything here runs in the link's thread.
"""

import json
import socket
from collections.abc import Callable
from typing import Any

from lager import fork_lock
from lager.breakpoints.state import Standing
from lager.bus.exports import Interface, Method, Outcome, Tree
from lager.bus.facade import Call
from lager.contract import SCRIPT, SCRIPT_PATH
from lager.errors import InvalidArgument

_LOOK_AT_MOST = {"context": 50, "width": 2000}
_XML = """ <interface name="com.lager.Script">
  <method name="Attach">
   <arg name="console" type="h" direction="in"/>
   <arg name="details" type="a{sv}" direction="in"/>
  </method>
  <method name="Inspect">
   <arg name="details" type="a{sv}" direction="in"/>
   <arg name="look" type="s" direction="out"/>
  </method>
 </interface>"""


class Visits:
    """`standing` finds the pause with an id, and raises AccessDenied where the sender of the call may not visit any;
    `tell` calls a method of lagerd."""

    def __init__(self, standing: Callable[[str, str], Standing | None], tell: Callable[..., None]) -> None:
        self._standing = standing
        self._tell = tell

    def tree(self) -> Tree:
        """What a connection is to serve."""
        tree = Tree(stopping=("The script ended before it answered.", "See what ran: lager runs"))
        methods = {"Attach": Method("ha{sv}", "", self._attach), "Inspect": Method("a{sv}", "s", self._inspect)}
        tree.add(SCRIPT_PATH, Interface(SCRIPT, methods, xml=_XML))
        return tree

    def _meant(self, call: Call, details: dict[str, Any]) -> Standing:
        standing = self._standing(details.get("id", ""), call.sender)
        if standing is None:
            raise InvalidArgument("That pause has ended.")
        return standing

    async def _inspect(self, call: Call) -> Outcome:
        standing = self._meant(call, call.args[0])
        with fork_lock.wait:
            from lager.inspection.snapshot import look

        return (json.dumps(await look(standing.place, **_chosen(call.args[0]))),)

    def _attach(self, call: Call) -> Outcome:
        details = call.args[1]
        standing = self._meant(call, details)
        if not standing.interactive:
            raise InvalidArgument("That pause has no console.")
        with fork_lock.wait:
            from lager.console.server import Consoles

        if standing.consoles is None:
            standing.consoles = Consoles(standing.place, standing.details, self._reporter(standing))
        standing.consoles.attach(socket.socket(fileno=call.take_fd(call.args[0])), details)
        return ()

    def _reporter(self, standing: Standing) -> Any:
        def report(member: str, console: int, /, **details: Any) -> None:
            more: tuple[Any, ...] = (details,) if member == "Touch" else ()
            if not standing.over:
                self._tell(member, "sua{sv}" if more else "su", standing.id, console, *more)

        return report


def _chosen(options: dict[str, Any]) -> dict[str, int]:
    """How much to look at: what is no number is passed over, and more than enough is cut."""
    numbers = {key: options[key] for key in _LOOK_AT_MOST if type(options.get(key)) is int}
    return {key: min(max(number, 0), _LOOK_AT_MOST[key]) for key, number in numbers.items()}
