"""Which threads of this process are paused, and which are lager's own: those of consoles and of requests of others.

A thread of lager's own that waited for a lock of a paused thread would wait until the resume, which may wait for it.
"""

import _thread
import contextlib
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

from lager.errors import Failed
from lager.process.raised import by_a_handler

paused: set[int] = set()  # identifiers
ours: set[int] = set()
stepping: set[int] = set()  # identifiers of threads between two pauses of a step
# By identifier: on whose behalf a thread of lager's own sets instruments, as keys of `Record` of com.lager.Instruments.
authors: dict[int, dict[str, Any]] = {}

at_resume: list[Callable[[], None]] = []  # called in each thread whose pause has ended

_OWNER = re.compile(r"owner=(\d+)")


def start(thread: Any) -> None:
    """Start a thread of lager's own. Raises Failed if the process can have no more, or if Python starts none any more,
    as at its end, and in 3.12.1 from the end of the main thread on."""
    _begin(thread.start)


def start_new(work: Callable[[], None]) -> None:
    """Run `work`, which raises nothing, in a thread of lager's own. Raises as `start`, but never waits for anything: in
    the main thread, a signal handler may raise at any moment, and leave locks of `threading` as they are."""
    _begin(_thread.start_new_thread, work, ())


def _begin(begin: Callable[..., object], *arguments: object) -> None:
    try:
        begin(*arguments)
    except RuntimeError as error:
        if by_a_handler(error):
            raise
        raise Failed("The script cannot start another thread.", "Resume it, or end some of its threads.") from None


@contextlib.contextmanager
def counted_in(kind: set[int]) -> Iterator[None]:
    """Count the calling thread among `paused` or `ours`."""
    me = _thread.get_ident()
    before = me in kind
    kind.add(me)
    try:
        yield
    finally:
        if not before:
            kind.discard(me)


@contextlib.contextmanager
def acting_for(author: dict[str, Any]) -> Iterator[None]:
    """Let the calling thread act for another user; see `authors`."""
    me = _thread.get_ident()
    authors[me] = author
    try:
        yield
    finally:
        authors.pop(me, None)


def waits_for_paused(lock: Any) -> bool:
    """Return whether the calling thread is lager's own, and a paused thread holds `lock`, an RLock."""
    return bool(paused) and _thread.get_ident() in ours and owner(lock) in paused


def owner(lock: Any) -> int:
    """Return the identifier of the thread that holds an RLock, 0 if there is none or it is unknown.

    CPython tells it only in the repr of the lock (Modules/_threadmodule.c, rlock_repr).
    """
    found = _OWNER.search(repr(lock)) if paused else None
    return int(found[1]) if found else 0


def _after_fork() -> None:
    """The child has one thread, which may be paused or not; the others' identifiers mean nothing there."""
    me = _thread.get_ident()
    stepping.clear()
    for kind in (paused, ours):
        kind.intersection_update({me})
    for other in set(authors) - {me}:
        del authors[other]


os.register_at_fork(after_in_child=_after_fork)
