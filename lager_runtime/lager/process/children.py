"""The ends of the children of a process."""

import _signal  # type: ignore[import-not-found]  # signal's enumerations take longer than a short command may


def hear_ends() -> None:
    """Let the kernel report the ends of our children. A parent that ignores SIGCHLD passes this on to us: then there is
    no signal, and no exit code."""
    if _signal.getsignal(_signal.SIGCHLD) == _signal.SIG_IGN:
        _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
