"""The names of all LAGER_ variables of the environment.

lager_startup.py and sitecustomize.py, which import nothing, spell their own.

A user sets the first group. lager itself sets the others, for a run and its children.
"""

BREAKPOINTS = "LAGER_BREAKPOINTS"  # one of OFF: pauses do nothing
BREAKPOINT_TIMEOUT = "LAGER_BREAKPOINT_TIMEOUT"  # seconds; the default timeout of pause()
BOX = "LAGER_BOX"  # the box for commands; in a run on a box, its name
BUS_ADDRESS = "LAGER_BUS_ADDRESS"  # the bus to use, instead of the system bus or the embedded one
NETS = "LAGER_NETS"  # the path of the nets file
BENCH = "LAGER_BENCH"  # the folder of a simulated bench, instead of the bus and the nets file of this machine
DEFAULT_NETS = "LAGER_DEFAULT_NETS"  # JSON: the default nets of the user's own machine, for a command on a box
SSH = "LAGER_SSH"  # the command to use instead of ssh
THROUGH = "LAGER_THROUGH"  # not one of OFF: commands act through the paused script that holds the instrument
DEBUG = "LAGER_DEBUG"  # not one of OFF: errors show all frames
PYTHON = "LAGER_PYTHON"  # the interpreter for scripts, instead of lager's own
EMBEDDED_IDLE = "LAGER_EMBEDDED_IDLE"  # seconds after which an idle embedded lagerd ends

PROCESS_ID = "LAGER_PROCESS_ID"  # the id of the run; only runs have it
NEXT_RUN = "LAGER_NEXT_RUN"  # the id for the next run, set by a program that waits for its pauses
RUNNABLE = "LAGER_RUNNABLE"  # the script as the user typed it
TERMINAL = "LAGER_TERMINAL"  # the terminal in which Enter resumes the run
RUN_DEADLINE = "LAGER_RUN_DEADLINE"  # when --timeout ends the run, by the monotonic clock
PYTHON_PID = "LAGER_PYTHON_PID"  # the pid of `lager python`
EXIT = "LAGER_EXIT"  # a pipe into which `lager python` writes the exit code of the script
EVIDENCE = "LAGER_EVIDENCE"  # a file for the notes of the report of the run
COMMAND = "LAGER_COMMAND"  # the path to type for `lager` if it is not on the PATH
COUNTDOWN = "LAGER_COUNTDOWN"  # a file that is locked while the countdown shows a row
PAUSE_ON_ERROR = "LAGER_PAUSE_ON_ERROR"  # set by --pause-on-error
PAUSE_AT_START = "LAGER_PAUSE_AT_START"  # "loud" or "quiet": an editor wants a pause before the script's first line
DETACHED = "LAGER_DETACHED"  # set by --detach
INTERPRETER = "LAGER_INTERPRETER"  # the interpreter of the run, if it is not lager's own
OWN_PATHS = "LAGER_OWN_PATHS"  # the Python of lager and its folders, for an interpreter without lager
VIA = "LAGER_VIA"  # mcp:NAME, for the commands of an assistant: its name in the records of lagerd
RUN_FOLDER = "LAGER_RUN_FOLDER"  # the folder of a run whose files came from another machine
TYPED = "LAGER_TYPED"  # JSON: names in that folder, each with the path that the user typed
ENV_SETTINGS = "LAGER_ENV_SETTINGS"  # the values of --env, for the lager on a box
SEEN_STREAMS = "LAGER_SEEN_STREAMS"  # which of the descriptors 1 and 2 end at the user's terminal

OFF = frozenset(("off", "0", "false", "no"))  # the words that switch something off
