"""The steps of a paused script, in the thread that was paused.

A step ends one pause and begins the next one where it stops. Between the two nothing is paused: the script has its
instruments and its terminal for itself. What lasts from the first pause to the final resume goes from each PauseState
to the next (`PauseState.follow`): the consoles, what to do at the timeout and with changes of the bench, and the
settings that those are found by.
"""

from types import FrameType

from lager.breakpoints import carrier, guarded, pause
from lager.breakpoints.state import PauseState, step_begins, step_ended
from lager.breakpoints.terminal.notices import say
from lager.errors import InvalidArgument
from lager.stepping import engine
from lager.stepping.course import Course


def begin(before: PauseState) -> None:
    """Begin the step that ends the pause `before`, in the thread that was paused."""
    frame, before.frame = before.frame, None
    if frame is None or before.step is None:
        return
    step_begins(before)

    def stopped(frame: FrameType, value: tuple[object] | None) -> None:
        step_ended()
        guarded.pause_here(lambda began: pause.stopped_at(before, frame, value, began))

    def over() -> None:
        step_ended()
        carrier.of_this_process().step_over(before)

    try:
        engine.begin(Course(before.step, frame, returning=before.returning), stopped, over)
    except InvalidArgument as refused:
        say(f"lager: cannot step; continuing. {refused}\n")
        over()
