"""Consoles and the script's `threading`."""

from collections.abc import Callable

import pytest

from tests.bus.console.raw import SCRIPT, Raw
from tests.client import Client
from tests.fixtures import ScriptWriter, Starter

pytestmark = pytest.mark.variant


def test_importing_threading_in_a_console_keeps_the_main_thread(
    run: Starter, client: Client, raw: Callable[..., Raw]
) -> None:
    process = run(
        f"import _thread\nident = _thread.get_ident()\n{SCRIPT}\nimport threading\nthreading.Thread().start()\n"
    )
    console = raw(client.paused()["id"])
    assert console.evaluate("import threading\nthreading.main_thread().ident == ident\n") == "True\n"
    console.evaluate("import logging, concurrent.futures\n")
    client.call("ContinueAll")
    assert process.wait() == 0
    assert "Exception" not in process.err.rest()


def test_a_threading_of_the_scripts_own_is_not_run_by_a_pause(
    run: Starter, script: ScriptWriter, client: Client
) -> None:
    script("print('run', flush=True)\n", "threading.py")
    process = run("import lager\nlager.pause(interactive=True)\n")
    client.call("Continue", "s", client.paused()["id"])
    assert (process.wait(), process.out.rest()) == (0, "")
