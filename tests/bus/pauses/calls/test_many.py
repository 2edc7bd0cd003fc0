"""Several pauses at once: threads, children of every kind, an asyncio program, and one after another."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.client import Client
from tests.fixtures import ScriptWriter, Starter
from tests.processes import LAGER

THREADS = """
import lager, threading
def stand(name):
    lager.pause(name)
    print(name, 'went on', flush=True)
threads = [threading.Thread(target=stand, args=(name,), name=name) for name in ('one', 'two')]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def two(client: Client) -> dict[Any, dict[str, Any]]:
    """The two next pauses by their label."""
    pauses = {pause["label"]: pause for pause in (client.paused(), client.paused())}
    assert len({pause["id"] for pause in pauses.values()}) == 2
    return pauses


def test_two_paused_threads_resume_one_by_one(run: Starter, client: Client) -> None:
    process = run(THREADS)
    pauses = two(client)
    assert {name: pause["thread"] for name, pause in pauses.items()} == {"one": "one", "two": "two"}
    client.call("Continue", "s", pauses["two"]["id"])
    process.out.expect("two went on\n")
    assert [pause["label"] for pause in client.list()] == ["one"]
    client.call("Continue", "s", pauses["one"]["id"])
    assert process.out.rest() == "one went on\n"
    assert process.wait() == 0


MULTIPROCESSING = """
import lager, multiprocessing, sys
def child():
    lager.pause('child')
    print('child went on', flush=True)
if __name__ == '__main__':
    lager.pause('before', timeout=0.001)
    process = multiprocessing.get_context(sys.argv[1]).Process(target=child)
    process.start()
    lager.pause('parent')
    print('parent went on', flush=True)
    process.join()
    lager.pause('after', timeout=0.001)
"""


def _parent_and_child(run: Starter, client: Client, method: Any) -> None:
    process = run(MULTIPROCESSING, method)
    assert client.paused()["label"] == "before"
    pauses = two(client)
    assert pauses["parent"]["pid"] != pauses["child"]["pid"]
    assert pauses["parent"]["run_id"] == pauses["child"]["run_id"]
    client.call("Continue", "s", pauses["child"]["id"])
    process.out.expect("child went on")
    assert pauses["parent"]["id"] in [pause["id"] for pause in client.list()]
    client.call("Continue", "s", pauses["parent"]["id"])
    assert client.paused()["label"] == "after"
    assert process.wait() == 0
    assert "cannot pause" not in process.err.rest()


def test_a_forked_child(run: Starter, client: Client) -> None:
    _parent_and_child(run, client, "fork")


@pytest.mark.variant
def test_a_spawned_child(run: Starter, client: Client) -> None:
    _parent_and_child(run, client, "spawn")


def test_a_child_keeps_nothing_of_its_parent(run: Starter, client: Client) -> None:
    """The parent is killed while its child is alive and reads its standard input: its pause ends at once."""
    text = """
import lager, os, signal, threading
lager.pause('before', timeout=0.001)
def fork():
    if os.fork() == 0:
        lager.pause('child')
        os._exit(0)
threading.Thread(target=fork).start()
lager.pause('parent')
"""
    run(text)
    client.paused()
    pauses = two(client)
    os.kill(pauses["parent"]["pid"], signal.SIGKILL)
    assert client.resumed(pauses["parent"]["id"]) == ("gone", {})
    assert [pause["label"] for pause in client.list()] == ["child"]
    os.kill(pauses["child"]["pid"], signal.SIGKILL)
    assert client.resumed(pauses["child"]["id"]) == ("gone", {})


@pytest.mark.variant
def test_a_child_that_was_forked_while_another_thread_imports_pauses(run: Starter) -> None:
    """Forked at several moments of the first pause, in which all is imported."""
    text = """
import lager, os, threading, time
thread = threading.Thread(target=lager.pause, args=('parent',), kwargs={'timeout': 0.1})
thread.start()
children = []
for _ in range(6):
    time.sleep(0.01)
    pid = os.fork()
    if pid == 0:
        lager.pause('child', timeout=0.01)
        os._exit(0)
    children.append(pid)
print([os.waitpid(pid, 0)[1] for pid in children], flush=True)
thread.join()
"""
    process = run(text)
    process.out.expect("[0, 0, 0, 0, 0, 0]\n")
    assert process.wait() == 0


@pytest.mark.variant
def test_a_child_that_never_pauses_keeps_nothing_either(run: Starter, client: Client) -> None:
    """Forked at many moments while the first connection is being made."""
    text = """
import lager, os, signal, threading, time
children = []
thread = threading.Thread(target=lager.pause, args=('parent',))
thread.start()
end = time.monotonic() + 0.4
while time.monotonic() < end:
    pid = os.fork()
    if pid == 0:
        signal.pause()
    children.append(pid)
print(*children, flush=True)
"""
    process = run(text)
    pause = client.paused()
    process.out.expect("\n")
    os.kill(pause["pid"], signal.SIGKILL)
    try:
        assert client.resumed(pause["id"]) == ("gone", {})
    finally:
        for pid in process.out.text.split():
            os.kill(int(pid), signal.SIGKILL)


@pytest.mark.variant
def test_an_asyncio_program_keeps_running(run: Starter, client: Client) -> None:
    text = """
import asyncio, lager
async def main():
    ticks = 0
    pausing = asyncio.create_task(asyncio.to_thread(lager.pause, 'in a thread'))
    while not pausing.done():
        ticks += 1
        if ticks == 100:
            print('a hundred', flush=True)
        await asyncio.sleep(0.001)
    await pausing
    await asyncio.gather(*[asyncio.to_thread(lager.pause, n) for n in range(2)])
asyncio.run(main())
"""
    process = run(text)
    pause = client.paused()
    process.out.expect("a hundred")
    client.call("Continue", "s", pause["id"])
    for pause in two(client).values():
        client.call("Continue", "s", pause["id"])
    assert process.wait() == 0


def test_a_program_that_the_script_starts(run: Starter, client: Client, script: ScriptWriter) -> None:
    script("import lager\nlager.pause('inner')\nprint('inner went on')\n", "inner.py")
    process = run("import lager, subprocess, sys\nsubprocess.run([sys.executable, 'inner.py'])\nlager.pause('outer')\n")
    inner = client.paused()
    assert (inner["label"], Path(inner["file"]).name, inner["script"]) == ("inner", "inner.py", "script.py")
    client.call("Continue", "s", inner["id"])
    process.out.expect("inner went on")
    outer = client.paused()
    assert outer["run_id"] == inner["run_id"]
    client.call("Continue", "s", outer["id"])
    assert process.wait() == 0


@pytest.mark.variant
def test_a_run_within_a_run(run: Starter, client: Client, script: ScriptWriter) -> None:
    script("import lager\nlager.pause('inner')\n", "inner.py")
    process = run(
        f"import lager, subprocess\nsubprocess.run([{LAGER!r}, 'python', 'inner.py'])\nlager.pause('outer')\n"
    )
    inner = client.paused()
    client.call("Continue", "s", inner["id"])
    outer = client.paused()
    assert outer["run_id"] != inner["run_id"]
    client.call("Continue", "s", outer["id"])
    assert process.wait() == 0


def test_many_pauses_use_no_more_threads_and_descriptors(run: Starter, client: Client) -> None:
    text = """
import lager, os, threading
def held():
    return len(os.listdir('/proc/self/fd')), threading.active_count(), len(os.listdir('/proc/self/task'))
lager.pause(timeout=0.001)
first = held()
for n in range(50):
    lager.pause(n, timeout=0.001, interactive=n % 2)
print(first == held(), first, held())
"""
    process = run(text)
    assert process.out.rest().startswith("True")
    assert process.wait() == 0


@pytest.mark.variant
def test_a_pause_in_the_same_place_gets_a_new_id(run: Starter, client: Client) -> None:
    process = run("import lager\nfor n in range(3): lager.pause()\n")
    ids = set()
    for _ in range(3):
        pause = client.paused()
        ids.add(pause["id"])
        client.call("Continue", "s", pause["id"])
    assert len(ids) == 3
    assert process.wait() == 0
