"""Linux system calls that the standard library lacks, inotify(7) and prctl(2), and the names of users."""

import os
from collections.abc import Callable

CLOSED_UNWRITTEN, MODIFIED, MOVED_TO = 0x10, 0x2, 0x80  # events of inotify
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def inotify() -> int:
    """Return a new, non-blocking instance of inotify. Raises OSError if the limit of the user is reached."""
    import ctypes

    fd = int(ctypes.CDLL(None, use_errno=True).inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
    return _checked(fd, ctypes.get_errno(), "inotify")


def add_watch(instance: int, path: str | os.PathLike[str], events: int) -> None:
    """Watch a file or folder. Raises OSError if the limit of the user is reached or the path cannot be watched."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    _checked(libc.inotify_add_watch(instance, os.fsencode(path), events), ctypes.get_errno(), os.fspath(path))


def watched(path: str | os.PathLike[str], events: int) -> int:
    """Return a new instance of inotify that watches only `path`. Raises OSError."""
    fd = inotify()
    try:
        add_watch(fd, path, events)
    except BaseException:
        os.close(fd)
        raise
    return fd


def signal_with_parent(number: int) -> Callable[[], None]:
    """Return a function for a child to call between fork and exec: it gets this signal when our thread ends.

    The function imports nothing, because another thread may hold an import lock while this one forks.
    """
    import ctypes

    prctl = ctypes.CDLL(None).prctl

    def request() -> None:
        prctl(_PR_SET_PDEATHSIG, number)

    return request


def adopt_orphans() -> None:
    """Make descendants whose parent ends children of this process, so that it can still find them."""
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def user_name(uid: int | None = None) -> str:
    """Return the name of a user, ours without `uid`; the uid as text if the user has no name."""
    import pwd

    uid = os.getuid() if uid is None else uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _checked(result: int, number: int, what: str) -> int:
    if result < 0:
        raise OSError(number, os.strerror(number), what)
    return result
