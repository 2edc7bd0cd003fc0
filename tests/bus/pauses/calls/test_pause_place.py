"""The place of a pause is the script's own code, whatever calls pause() for the script."""

import json

import pytest

from tests.client import Client
from tests.fixtures import Command, Starter

CALLS = {
    "thread": "t = threading.Thread(target=lager.pause); t.start(); t.join()",
    "pool": "with futures.ThreadPoolExecutor() as pool: pool.submit(lager.pause).result()",
    "leaving a pool": "with futures.ThreadPoolExecutor() as pool: pool.submit(lager.pause)",
    "partial": "functools.partial(lager.pause)()",
    "timer": "t = threading.Timer(0, lager.pause); t.start(); t.join()",
    "finalizer": "weakref.finalize(lambda: 0, lager.pause)",
    "mock": "mock.Mock(side_effect=lager.pause)()",
    "to_thread": "async def inner(): local = 2; await asyncio.to_thread(lager.pause)\n    asyncio.run(inner())",
    "executor": "async def inner(): local = 2; await asyncio.get_running_loop().run_in_executor(None, lager.pause)\n"
    "    asyncio.run(inner())",
}  # fmt: skip
SCRIPT = """
import asyncio, contextlib, functools, lager, threading, weakref
from concurrent import futures
from unittest import mock
def outer():
    local = 2
    {statement}
outer()
"""


@pytest.mark.parametrize("name", CALLS)
def test_a_pause_in_a_thread_is_where_the_script_waits_for_it(
    run: Starter, client: Client, lager: Command, name: str
) -> None:
    process = run(SCRIPT.format(statement=CALLS[name]))
    pause = client.paused()
    assert (pause["file"].rpartition("/")[2], pause["line"]) == ("script.py", 7)
    assert pause["function"].startswith("outer")
    look = json.loads(lager("breakpoints", "show", "--json", pause["id"]).stdout)
    assert [line["line"] for line in look["source"] if line["here"]] == [7]
    client.call("Continue", "s", pause["id"])
    assert process.wait() == 0


def test_an_unawaited_thread_or_callback_pauses_at_the_line_of_the_main_thread(run: Starter, client: Client) -> None:
    text = """
import asyncio, lager, signal, threading
async def main():
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.call_soon(lager.pause)
    loop.call_later(0.01, over.set)
    await over.wait()
asyncio.run(main())
threading.Thread(target=lager.pause, args=("again",)).start()
signal.pause()
"""
    process = run(text)
    for line in (9, 10):
        pause = client.paused()
        assert pause["file"].endswith("/script.py")
        assert pause["line"] in (line, line + 1)
        assert pause["function"] == "<module>"
        client.call("Continue", "s", pause["id"])
    assert "again" in process.err.expect("again")


@pytest.mark.variant
def test_a_pause_at_exit_has_the_names_of_the_script(run: Starter, client: Client, lager: Command) -> None:
    process = run("import atexit, lager\nlimit = 7.5\natexit.register(breakpoint, 'last')\n")
    pause = client.paused()
    assert (pause["file"].rpartition("/")[2], pause["line"], pause["function"]) == ("script.py", 0, "<module>")
    process.err.expect("lager: paused at script.py in <module> - last\n")
    assert lager("python", "--console", pause["id"], stdin="limit\n").stdout == "7.5\n"
    client.call("Continue", "s", pause["id"])
    assert process.wait() == 0


DOCUMENTED = """
def f():
    '''
    >>> volts = 3
    >>> breakpoint("doctest")
    '''

import doctest
doctest.testmod()
"""


@pytest.mark.variant
def test_a_pause_in_a_doctest_is_at_its_line_in_the_file_with_its_names(
    run: Starter, client: Client, lager: Command
) -> None:
    process = run(DOCUMENTED)
    pause = client.paused()
    assert (pause["file"].rpartition("/")[2], pause["line"], pause["function"]) == ("script.py", 5, "__main__.f")
    assert lager("python", "--console", pause["id"], stdin="volts\n").stdout == "3\n"
    client.call("Continue", "s", pause["id"])
    assert process.wait() == 0
