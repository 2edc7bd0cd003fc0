"""The contract of both ends of the bus: names, keys, types, limits, defaults and paths; see docs/dbus.md."""

TYPE_CHECKING = False  # type checkers treat it as true; importing typing would take too long
if TYPE_CHECKING:
    from typing import NotRequired, TypedDict

    class PauseKeys(TypedDict):
        """The keys of a pause that a script knows."""

        id: str
        label: str
        file: str
        line: int
        function: str
        thread: str
        run_id: str
        script: str
        interactive: bool
        banner: str
        on_timeout: str

    class Change(TypedDict):
        """A setting of a net that was changed. `old` and `new` are missing where they could not be read; `at` is in
        seconds since the epoch. `how` names the command or script; `user` is "" if it is unknown."""

        net: str
        instrument: str
        what: str
        old: NotRequired[float | str | bool]
        new: NotRequired[float | str | bool]
        unit: str
        how: str
        user: str
        uid: NotRequired[int]
        pid: NotRequired[int]
        at: float

    class PauseDetails(PauseKeys):
        """The keys of a pause in List and in the signal Paused. Times are in seconds; a time of 0 means no timeout."""

        pid: int
        uid: int
        user: str
        since: float
        began: float
        timeout: float
        remaining: float
        consoles: int
        attached: list[str]
        instruments: list[str]
        changes: list[Change]
        changes_left_out: int
        stepped_from: NotRequired[str]
        question: NotRequired[str]
        kind: NotRequired[str]
        choices: NotRequired[list[str]]
        unit: NotRequired[str]
        low: NotRequired[float]
        high: NotRequired[float]
        default: NotRequired[object]

    class LeaseDetails(TypedDict):
        """The keys of a lease in List of com.lager.Instruments."""

        instrument: str
        name: str
        net: str
        run_id: str
        script: str
        pid: int
        uid: int
        user: str
        since: float
        began: float
        address: str
        device: str
        look: bool
        reserved: bool
        waiting: int
        pauses: list[str]
        safe: list[str]
        lent_to: str
        quarantined: bool
        reason: str


def path_of(name: str) -> str:
    """Return the object path of a bus name: name, path and interface are the same word."""
    return "/" + name.replace(".", "/")


BREAKPOINTS = "com.lager.Breakpoints"
BREAKPOINTS_PATH = path_of(BREAKPOINTS)
INSTRUMENTS = "com.lager.Instruments"
INSTRUMENTS_PATH = path_of(INSTRUMENTS)
SCRIPT = "com.lager.Script"
SCRIPT_PATH = path_of(SCRIPT)

# The signals of both interfaces, and the types of their arguments.
SIGNALS = {
    "Paused": "sa{sv}",
    "Extended": "sda{sv}",
    "Resumed": "ssa{sv}",
    "Changed": "sa{sv}",
    "Claimed": "sa{sv}",
    "Queued": "sa{sv}",
    "Released": "ssa{sv}",
    "MadeSafe": "sa{sv}",
    "Quarantined": "sa{sv}",
    "Cleared": "sa{sv}",
}
AT_TIMEOUT = "timeout"  # the reason of an automatic resume
ON_TIMEOUT = ("resume", "raise", "exit")  # what a pause can do at its timeout; the first is the default
ON_CHANGE = ("warn", "raise", "restore")  # what a pause can do if the bench was changed; the first is the default
TIMED_OUT = 124  # the exit code after a timeout, as of timeout(1)
LONGEST = 10 * 365 * 86400.0  # seconds of a pause, or of waiting for an instrument
PATH_LENGTH = 1024
EXTENSION = 300.0  # seconds that the key `e` adds to a pause
DEFAULT_TIMEOUT = 300.0  # seconds of a pause, if neither the script nor lagerd.toml sets another
LONGEST_RUN = 300.0  # seconds; the maximum of --timeout, if lagerd.toml does not set another

LOAN = 600.0  # seconds of a loan, if the lender gives no time
LIMITS = {"max_voltage": "V", "max_current": "A", "max_power": "W"}  # of a net, and their units

LEASE_WATCHED = 0o100  # the bit in the mode of a lease file that says that another script is paused

NETS_FILE = "/etc/lager/nets.toml"
CONFIG_FILE = "/etc/lager/lagerd.toml"
NOTIFY_FILE = "/etc/lager/notify.toml"
BOXES_FILE = "/etc/lager/boxes.toml"
PAGE_FOLDER = "/usr/share/cockpit/lager"
GROUP = "lager"  # whose members may use the bench
JOURNAL_SOCKET = "/run/systemd/journal/socket"
START_SOCKET = "/run/lager-start.socket"  # starts lagerd on a box
