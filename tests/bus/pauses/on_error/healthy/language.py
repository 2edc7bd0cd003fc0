# ruff: noqa: SIM105, PT027, RUF059, C400, E722, B012
"""Errors raised and caught in as many ways as the language has; none of them may pause. Not a test: a script."""

import atexit
import contextlib
import copy
import ctypes
import functools
import gc
import os
import signal
import sqlite3
import sys
import threading
import unittest
import weakref

from failing import CASES, Missing, case, deep, fail


class Old:
    def __getitem__(self, index):
        if index > 3:
            raise IndexError(index)
        return index


class Swallows:
    def __init__(self, *kinds):
        self.kinds = kinds

    def __enter__(self):
        return self

    def __exit__(self, kind, error, tb):
        return kind is not None and issubclass(kind, self.kinds)


@contextlib.contextmanager
def swallowing():
    try:
        yield
    except ValueError:
        pass


@contextlib.contextmanager
def returning():
    try:
        yield
    finally:
        return


@case
def plain_handlers():
    with contextlib.suppress(ValueError):
        fail()
    with contextlib.suppress(LookupError, OSError):
        deep(5, KeyError)
    try:
        deep(30)
    except (KeyError, ValueError):
        pass
    try:
        try:
            fail()
        except KeyError:
            pass
        finally:
            sum([1])
    except Exception:
        pass
    try:
        fail(KeyboardInterrupt)
    except:
        pass
    kinds = {"a": ValueError}
    try:
        fail()
    except kinds["a"]:
        pass
    try:
        fail()
    except functools.reduce(lambda a, b: a, [(ValueError,)]):
        pass


@case
def the_same_error_again():
    try:
        try:
            fail()
        except ValueError:
            raise
    except ValueError as error:
        kept = error
    try:
        raise kept
    except ValueError:
        pass
    try:
        try:
            fail(KeyError)
        except KeyError as error:
            raise AttributeError("x") from error
    except AttributeError:
        pass


@case
def leaving_a_finally():
    def returns():
        try:
            fail()
        finally:
            return 1

    def breaks():
        while True:
            try:
                fail()
            finally:
                break

    def continues():
        for _ in range(3):
            try:
                fail()
            finally:
                continue

    returns(), breaks(), continues()


@case
def managers_that_swallow():
    with Swallows(ValueError):
        fail()
    with Swallows(KeyError), Swallows(ValueError) as both:
        deep(3)
    with both:
        fail()
    with swallowing():
        fail()
    with returning():
        fail(OSError)
    manager = swallowing()
    with manager:
        fail()
    with contextlib.ExitStack() as stack:
        stack.enter_context(swallowing())
        fail()
    with contextlib.ExitStack() as stack:
        stack.push(lambda *raised: True)
        fail()
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.suppress(ValueError))
        fail()
    with unittest.TestCase().assertRaises(ValueError):
        fail()
    with contextlib.suppress(ValueError), open(os.devnull) as null, threading.Lock(), null:
        fail()

    class Proxy:
        def __init__(self, inner):
            self.inner = inner

        def __enter__(self):
            return self.inner.__enter__()

        def __exit__(self, *raised):
            return self.inner.__exit__(*raised)

    with Proxy(Swallows(ValueError)):
        fail()


@case
def groups():
    try:
        raise ExceptionGroup("g", [ValueError(1), KeyError(2)])
    except* ValueError:
        pass
    except* KeyError:
        pass
    with contextlib.suppress(ExceptionGroup):
        raise ExceptionGroup("g", [ValueError(1)])


@case
def c_code_between():
    missing = Missing()
    assert getattr(missing, "broken", 1) == 1
    assert not hasattr(missing, "nothing")
    assert missing.there == 1
    assert list(missing) == [1]
    assert list(Old()) == [0, 1, 2, 3]
    assert 2 in Old()
    assert [*map(str, Old())] == ["0", "1", "2", "3"]
    assert next(iter(()), None) is None
    assert {}.get("x") is None
    assert copy.copy(missing) is not missing

    def generator():
        yield from (1, 2)
        return 3

    assert sum(generator()) == 3
    for _ in zip(generator(), Old(), strict=False):
        pass
    first, *_ = generator()
    with contextlib.suppress(RuntimeError):
        list(next(iter(())) for _ in (1, 2))


@case
def generators_with_errors_thrown_in():
    def inner():
        try:
            yield 1
        except ValueError:
            yield 2

    def outer():
        yield from inner()

    generator = outer()
    next(generator)
    assert generator.throw(ValueError("x")) == 2
    generator.close()

    def through():
        for _ in (1, 2):
            try:
                yield
            except KeyError:
                continue

    generator = through()
    next(generator)
    with contextlib.suppress(StopIteration):
        while True:
            generator.throw(KeyError("x"))


@case
def callbacks_that_python_swallows():
    unraisable, sys.unraisablehook = sys.unraisablehook, lambda _: None

    class Dies:
        def __del__(self):
            fail()

    thing = Dies()
    del thing
    Dies()
    gone = Dies()
    reference = weakref.ref(gone, lambda _: fail())
    gone = None
    cycle = Dies()
    cycle.me = cycle
    cycle = None
    gc.collect()
    assert reference() is None
    called = ctypes.CFUNCTYPE(None)(fail)
    called()
    connection = sqlite3.connect(":memory:")
    connection.create_function("f", 0, fail)
    with contextlib.suppress(sqlite3.OperationalError):
        connection.execute("select f()")
    connection.close()
    atexit_like = weakref.finalize(Missing(), fail)
    assert not atexit_like.alive
    sys.unraisablehook = unraisable


def handler(*_):
    fail(TimeoutError)


@case
def signals():
    signal.signal(signal.SIGALRM, handler)
    try:
        signal.raise_signal(signal.SIGALRM)
    except TimeoutError:
        pass
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


for one in CASES:
    one()
atexit.register(print, "healthy")
