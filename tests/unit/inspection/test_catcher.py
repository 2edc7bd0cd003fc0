"""Who would catch an error: judged at the place of the raise, in a thread, whose outermost frame catches nothing."""

import contextlib
import sys
import tempfile
import threading
import types
from collections.abc import Iterator
from typing import Any

import pytest

from lager.breakpoints import pause
from lager.breakpoints.triggers import on_error
from lager.uncaught.catcher import catcher

ERRORS = types.SimpleNamespace(mine=OSError, several=(KeyError, OSError))


class Judged(threading.Thread):
    caught_in: str | None  # missing until `found` was called


def found(kind: type[BaseException] = ValueError) -> int:
    """Note who would catch an error of this kind that the caller raises here. Return a key to sort by."""
    frame = catcher(kind, sys._getframe(1))
    thread = threading.current_thread()
    if isinstance(thread, Judged):
        thread.caught_in = frame and frame.f_code.co_name
    return 0


def judged(function: Any, *arguments: Any) -> object:
    """The name of the function that would catch what `found` is asked about; None where nothing would."""
    thread = Judged(target=function, args=arguments)
    thread.start()
    thread.join()
    return thread.caught_in


class Plain:
    def __enter__(self) -> "Plain":
        return self

    def __exit__(self, *raised: Any) -> bool | None:
        if raised[0] is None:
            return None
        return False


class Doubtful(Plain):
    def __exit__(self, *raised: Any) -> bool:
        return bool(raised[0])


class Delegating(Plain):
    def __exit__(self, *raised: Any) -> Any:
        return raised[0] and None


@contextlib.contextmanager
def cleaning() -> Iterator[Plain]:
    try:
        yield Plain()
    finally:
        print(end="")


@contextlib.contextmanager
def catching(kind: Any = ValueError) -> Iterator[None]:
    try:
        yield
    except kind:
        print(end="")


def leaves_handlers(kind: Any) -> None:
    try:
        try:
            found(kind)
        except (KeyError, ERRORS.mine):
            pass
        except IndexError as error:
            print(error)
        finally:
            for _ in "ab":
                print(end="")
    except ERRORS.several:
        pass
    except ZeroDivisionError:
        print(end="")
        raise


def in_finally_with_return() -> None:
    try:
        found()
    finally:
        return  # noqa: B012


def perhaps() -> None:
    try:
        found()
    except ValueError as error:
        if error.args:
            raise


def raises_another() -> None:
    try:
        found()
    except ValueError as error:
        raise KeyError from error


def star() -> None:
    try:
        found()
    except* OSError:
        pass


def unknown_kind() -> None:
    try:
        found()
    except ERRORS.__dict__["mine"]:
        pass


@pytest.mark.parametrize(
    ("kind", "caught_in"),
    [(ValueError, None), (ZeroDivisionError, None), (OSError, "leaves_handlers"), (KeyError, "leaves_handlers"),
     (IndexError, "leaves_handlers"), (KeyboardInterrupt, "leaves_handlers"), (SystemExit, "leaves_handlers")],
)  # fmt: skip
def test_handlers(kind: Any, caught_in: str | None) -> None:
    assert judged(leaves_handlers, kind) == caught_in


@pytest.mark.parametrize("function", [in_finally_with_return, perhaps, raises_another, star, unknown_kind])
def test_whatever_else_may_become_of_it_counts_as_caught(function: Any) -> None:
    assert judged(function) == function.__name__


def with_one(make: Any, *arguments: Any) -> None:
    with make(*arguments):
        found()


def with_bound(make: Any, *arguments: Any) -> Any:
    manager = make(*arguments)
    with manager as bound:
        found()
    return bound


def with_stack(*managers: Any) -> None:
    with contextlib.ExitStack() as stack:
        stack.callback(print, end="")
        for manager in managers:
            stack.enter_context(manager)
        found()


def with_suppress() -> None:
    with contextlib.suppress(OSError, KeyError):
        found()


def with_files() -> None:
    with tempfile.TemporaryFile() as one, open("/dev/null") as two, threading.Condition(), one, two:
        found()


@pytest.mark.parametrize("function", [with_one, with_bound])
@pytest.mark.parametrize(
    ("make", "swallows"),
    [(Plain, False), (threading.Condition, False), (tempfile.TemporaryDirectory, False), (cleaning, False),
     (Doubtful, True), (Delegating, True), (catching, True)],
)  # fmt: skip
def test_managers(function: Any, make: Any, swallows: bool) -> None:
    assert judged(function, make) == (function.__name__ if swallows else None)


def test_a_running_generator_is_judged_at_its_present_line() -> None:
    assert judged(with_bound, catching, OSError) is None
    assert judged(with_bound, catching, ValueError) == "with_bound"
    assert judged(with_one, catching, OSError) == "with_one"  # its arguments are not known


def test_stacks_and_known_managers() -> None:
    assert judged(with_stack, Plain(), cleaning(), contextlib.closing(open("/dev/null"))) is None  # noqa: SIM115
    assert judged(with_stack, Plain(), catching()) == "with_stack"
    assert judged(with_stack, Doubtful()) == "with_stack"
    assert judged(with_suppress) is None
    assert judged(with_files) is None


class Calls:
    def __init__(self, kind: Any) -> None:
        found(kind)

    def __getattr__(self, name: Any) -> None:
        found(AttributeError)

    def __add__(self, other: Any) -> None:
        found(other)

    def __call__(self, kind: Any) -> None:
        found(kind)

    @property
    def reading(self) -> None:
        found()

    @staticmethod
    def make(kind: Any) -> "Calls":
        return Calls(kind)


def generator(kind: Any) -> Iterator[int]:
    yield found(kind)


def iterates(kind: Any) -> None:
    for _ in generator(kind):
        pass


def by_c(kind: Any) -> None:
    list(map(found, [kind]))


def by_name(kind: Any) -> None:
    (lambda: found(kind))()


def sorts(kind: Any) -> None:
    [0].sort(key=lambda _: found(kind))


def looks_up(calls: Any, name: Any) -> None:
    getattr(calls, name, None)


def imports() -> Any:
    class Body:
        found(KeyError)

    return Body


@pytest.mark.parametrize(
    ("function", "arguments", "caught_in"),
    [(Calls, (KeyError,), None), (Calls.make, (KeyError,), None), (iterates, (ValueError,), None),
     (iterates, (KeyError,), "iterates"), (by_c, (KeyError,), None), (sorts, (ValueError,), None),
     (sorts, (KeyError,), "sorts"), (by_name, (ValueError,), None), (imports, (), None),
     (lambda: Calls(OSError) + ValueError, (), None), (lambda: Calls(OSError) + TypeError, (), "<lambda>"),
     (lambda: Calls(OSError).reading, (), None), (lambda: Calls(OSError).nothing, (), "<lambda>"),
     (lambda: Calls(OSError)(ValueError), (), None), (lambda: Calls(OSError)(KeyError), (), "<lambda>"),
     (looks_up, (Calls(OSError), "nothing"), "looks_up")],
)  # fmt: skip
def test_ways_from_one_frame_to_the_next(function: Any, arguments: Any, caught_in: str | None) -> None:
    assert judged(function, *arguments) == caught_in


def test_an_error_in_a_destructor_does_not_pause() -> None:
    class Dies:
        def __del__(self) -> None:
            found()

    def dies() -> None:
        thing = Dies()
        del thing

    assert judged(dies) == "dies"


def test_under_pytest_everything_is_caught() -> None:
    assert catcher(ValueError, sys._getframe()) is not None


@pytest.fixture
def stood(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What would have paused: the line, and what is said of it."""
    monkeypatch.setenv("LAGER_PROCESS_ID", "x")
    monkeypatch.delenv("LAGER_BREAKPOINTS", raising=False)
    monkeypatch.setattr(on_error, "_mine", on_error._OfThread())
    seen: list[tuple[str, str]] = []

    def pauses(place: Any, label: Any, *_: Any, **more: Any) -> None:
        seen.append((place.frame.f_code.co_name, label))

    monkeypatch.setattr(pause, "pause_at", pauses)
    return seen


def raised(error: Any) -> Any:
    try:
        raise error
    except type(error):
        return error


def test_an_error_pauses_once(stood: list[tuple[str, str]]) -> None:
    def consider() -> None:
        error = raised(ValueError("7.5 V"))
        for _ in range(2):
            on_error._consider(sys._getframe(), error, error.__traceback__)
        on_error._ended(error, error.__traceback__)

    thread = threading.Thread(target=consider)
    thread.start()
    thread.join()
    assert stood == [("raised", "ValueError: 7.5 V, before its finally blocks have run")]


def test_an_error_that_was_taken_for_caught_pauses_when_it_comes_out(stood: list[tuple[str, str]]) -> None:
    error = raised(ValueError("x"))
    on_error._consider(sys._getframe(), error, error.__traceback__)
    assert stood == []
    on_error._audit("sys.excepthook", (None, type(error), error, error.__traceback__))
    assert stood == [("raised", "ValueError: x, after its finally blocks have run")]
    on_error._audit("sys.excepthook", (None, SystemExit, SystemExit(), None))
    assert len(stood) == 1
