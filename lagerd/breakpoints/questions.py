"""Questions: pauses that end with an answer. Decides which answer counts, and refuses later ones."""

from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any

from lager.bus.interfaces import Outcome
from lager.bus.received import Call
from lager.errors import AmbiguousId, InvalidArgument, LagerError, NoSuchBreakpoint
from lager.wording.question import Answer, Question, from_details, shown
from lagerd.breakpoints.table.pauses import Pause
from lagerd.callers.clients import Client, Clients

_REMEMBERED = 200
_PREFIX_LENGTH = 4

Found = Callable[[str, int], Coroutine[Any, Any, list[Pause]]]
End = Callable[[Pause, str, Client | None, dict[str, Any]], None]


class Questions:
    """`found` finds the pauses that a user means by an id, `end` ends a pause, `admit` may refuse a client."""

    def __init__(self, clients: Clients, found: Found, end: End, admit: Callable[[Client], None]) -> None:
        self._clients = clients
        self._found = found
        self._end = end
        self._admit = admit
        self._answered: OrderedDict[str, str] = OrderedDict()  # the last questions, by id, and who answered what

    async def answer(self, call: Call) -> Outcome:
        """The first valid answer ends the question."""
        client = await self._clients.of(call.sender)
        self._admit(client)
        wanted, given = call.args
        try:
            found = await self._found(wanted, client.uid)
        except NoSuchBreakpoint as error:
            raise self._too_late(wanted.strip().lower()) or error from None
        asking = [pause for pause in found if pause.question is not None]
        if len(asking) != 1:
            raise _not_one(found, asking)
        [pause] = asking
        assert pause.question is not None
        answer = pause.question.answer(given)
        self._remember(pause, client, answer)
        self._end(pause, "answered", client, {"answer": answer})
        return (answer,)

    def _remember(self, pause: Pause, client: Client, answer: Answer) -> None:
        self._answered[pause.id] = f"{client.user} has already answered {pause.id}: {shown(answer)}."
        while len(self._answered) > _REMEMBERED:
            self._answered.popitem(last=False)

    def _too_late(self, wanted: str) -> NoSuchBreakpoint | None:
        if len(wanted) < _PREFIX_LENGTH:
            return None
        told = next((told for id, told in reversed(self._answered.items()) if id.startswith(wanted)), None)
        return None if told is None else NoSuchBreakpoint(told, "The first answer counts.")


def of_call(call: Call) -> Question | None:
    """Return the question that a script asks by this call; None if the call is Pause."""
    if call.member != "Ask":
        return None
    asked = from_details(call.args[0])
    if asked is None:
        raise InvalidArgument("The key question is missing.", "To pause without a question, call Pause.")
    return asked


def may_continue(pause: Pause) -> bool:
    """Return whether the pause can end without an answer: it has no question, or the question has a default."""
    return pause.question is None or pause.question.default is not None


def needs_answer(pause: Pause) -> InvalidArgument:
    """Return the error for a caller that resumes a question without a default."""
    assert pause.question is not None
    return InvalidArgument(
        f"{pause.id} asks {pause.question.text!r} and has no default answer.",
        f"Answer it with: lager answer {pause.id} VALUE",
    )


def default_of(pause: Pause, reason: str) -> dict[str, Any]:
    """Return the default answer that a question gets if it ends without one, as a key of the details of Resumed."""
    if pause.question is None or pause.question.default is None or reason not in ("continued", "timeout"):
        return {}
    return {"answer": pause.question.default}


def given_meanwhile(pause: Pause, details: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a question that was answered while lagerd was not running, as a key for its record."""
    if pause.question is None or "answer" not in details:
        return {}
    return {"answer": pause.question.answer(details["answer"])}


def _not_one(found: list[Pause], asking: list[Pause]) -> LagerError:
    if asking:
        return AmbiguousId(f"{len(asking)} pauses of that run ask something.", "Give the id of one of them.")
    return InvalidArgument(f"{found[0].id} asks nothing.", f"Resume it with: lager continue {found[0].id}")
