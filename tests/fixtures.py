"""The types of the fixtures that many tests ask for: functions that start something, which ends with the test."""

import subprocess
from collections.abc import Callable

from tests.processes import Process, Terminal
from tests.screen import Screen

Starter = Callable[..., Process]
TerminalStarter = Callable[..., Terminal]
ScreenStarter = Callable[..., Screen]
Command = Callable[..., "subprocess.CompletedProcess[str]"]  # which has run to its end
ScriptWriter = Callable[..., str]
