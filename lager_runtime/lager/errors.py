"""The exceptions of lager, as one tree.

    LagerError
    ├── PauseTimeout          a pause timed out, with on_timeout="raise"
    ├── BenchChanged          the bench was changed during a pause, with on_change="raise"
    ├── NoAnswer              a question of ask() ended without an answer, and has no default
    ├── BusError              the bus cannot be reached, or the connection was lost
    │   └── NoDaemon          the bus works, but lagerd does not answer on it
    │       └── NotRunning    lagerd is not running
    ├── Refusal               an error that lagerd returned; the class name is the error name on the bus
    │   ├── NoSuchBreakpoint
    │   ├── AmbiguousId
    │   ├── NotInteractive
    │   ├── AccessDenied
    │   ├── InvalidArgument
    │   ├── InstrumentBusy
    │   │   └── Quarantined   its last holder crashed, and it could not be made safe
    │   ├── LoanEnded         the loan of an instrument has ended
    │   ├── NoSuchInstrument
    │   ├── TooMany
    │   └── Failed
    ├── RunError              a run cannot be reached, or cannot do what was asked
    │   └── NoSuchRun
    ├── BoxError              a box cannot be used from here
    │   ├── NoConnection      the connection to it failed or was lost
    │   └── TransferError     files cannot be sent to it or fetched from it
    └── BenchError            nets and instruments
        ├── NetsFileError     the nets file is invalid or missing
        ├── SetupFunctionRequiredError   lager never raises it; scripts for other lagers import it
        ├── InvalidNetError   the nets file has no such net
        │   ├── NoSuchNet
        │   └── WrongNetType
        ├── NetConflict       two nets of one process need the same instrument
        ├── LimitExceeded     refused before anything was sent
        └── InstrumentError   the instrument or the connection to it failed
            ├── InstrumentUnreachable
            │   └── PortNotFound      a serial port that is not there; also a FileNotFoundError
            ├── InstrumentTimeout
            │   └── LevelTimeout      a line that did not change in time; also a TimeoutError
            ├── BadReply      its answer is not what the manual specifies
            ├── WrongModel    its *IDN? does not match the nets file
            └── Rejected      it did not accept a command: an entry in its error queue, or a different readback

Every error has two sentences: `what` happened, and the `hint` what to do next.
"""

TYPE_CHECKING = False  # type checkers treat it as true; importing typing would take too long
if TYPE_CHECKING:
    from collections.abc import Sequence

    from lager.contract import Change


class LagerError(Exception):
    exit_code = 1

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what, hint)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what} {self.hint}".strip()


class PauseTimeout(LagerError):
    """`changes` has what was changed on the bench during the pause, as BenchChanged."""

    def __init__(self, what: str, hint: str = "", changes: "Sequence[Change]" = ()) -> None:
        super().__init__(what, hint)
        self.changes = list(changes)


class BenchChanged(LagerError):
    """`changes` is a list with a dict for each change: net, what, old, new, unit, user, how, at."""

    def __init__(self, what: str, hint: str = "", changes: "Sequence[Change]" = ()) -> None:
        super().__init__(what, hint)
        self.changes = list(changes)


class NoAnswer(LagerError):
    pass


class BusError(LagerError):
    pass


class NoDaemon(BusError):
    pass


class NotRunning(NoDaemon):
    pass


class Refusal(LagerError):
    pass


class NoSuchBreakpoint(Refusal):
    pass


class AmbiguousId(Refusal):
    pass


class NotInteractive(Refusal):
    pass


class AccessDenied(Refusal):
    pass


class InvalidArgument(Refusal):
    pass


class InstrumentBusy(Refusal):
    exit_code = 75  # EX_TEMPFAIL of sysexits.h: the same command may work later


class Quarantined(InstrumentBusy):
    exit_code = 1  # waiting does not end it


class LoanEnded(Refusal):
    pass


class NoSuchInstrument(Refusal):
    pass


class TooMany(Refusal):
    pass


class Failed(Refusal):
    pass


class RunError(LagerError):
    pass


class NoSuchRun(RunError):
    pass


class BoxError(LagerError):
    pass


class NoConnection(BoxError):
    exit_code = 255  # as ssh itself


class OtherVersion(BoxError):
    """The box has another version of lager, which this version does not understand."""


class TransferError(BoxError):
    pass


class RecordingError(LagerError):
    """A file of readings already exists, or cannot be written."""


class BenchError(LagerError):
    pass


class NetsFileError(BenchError):
    pass


class SetupFunctionRequiredError(BenchError):
    pass


class InvalidNetError(BenchError):
    pass


class NoSuchNet(InvalidNetError):
    pass


class WrongNetType(InvalidNetError):
    pass


class NetConflict(BenchError):
    pass


class LimitExceeded(BenchError):
    pass


class InstrumentError(BenchError):
    pass


class InstrumentUnreachable(InstrumentError):
    pass


class PortNotFound(InstrumentUnreachable, FileNotFoundError):
    pass


class InstrumentTimeout(InstrumentError):
    pass


class LevelTimeout(InstrumentTimeout, TimeoutError):
    pass


class BadReply(InstrumentError):
    pass


class WrongModel(InstrumentError):
    pass


class OtherRole(InstrumentError):
    """The instrument is in another role than this net: it has one role at a time."""


class Rejected(InstrumentError):
    pass
