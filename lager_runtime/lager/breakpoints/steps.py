"""The steps of a paused script, in the thread that was paused.

A step ends one pause and begins the next one where it stops. Between the two the script is not paused, and nothing else
uses its instruments and its terminal. State that lasts from the first pause to the final resume passes from each
PauseState to the next (`PauseState.follow`): the consoles, the actions at the timeout and for changes of the bench, and
the settings to compare.
"""

from types import FrameType

from lager.breakpoints import carrier, guarded, pause
from lager.breakpoints.state import PauseState, step_begins, step_ended
from lager.breakpoints.terminal.notices import say
from lager.errors import InvalidArgument
from lager.process.raised import by_a_handler
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
        if by_a_handler(refused):
            raise
        say(f"lager: cannot step; continuing. {refused}\n")
        over()
