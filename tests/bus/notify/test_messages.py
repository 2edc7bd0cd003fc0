"""The messages that people get, with real servers and the real bus."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bus.instruments.safe_bench import SafeBench
from tests.bus.notify.conftest import SECRET, Receiver
from tests.client import Client
from tests.fixtures import Command, Starter
from tests.processes import LAGER, Process

PAUSE = 'from lager import pause\npause("is the LED green", timeout={timeout})\n'


def test_a_message_has_label_place_user_and_the_command_to_copy(
    notifier: Callable[..., Process], receiver: Callable[..., Receiver], run: Starter, client: Client, tmp_path: Path
) -> None:
    there = receiver()
    notifier(there.url, more='box = "bench3"')
    run(PAUSE.format(timeout=300))
    pause = client.paused()
    told = there.next()
    assert told["title"] == "lager: paused: script.py:2 - is the LED green"
    for words in (
        "label     is the LED green",
        f"place     {tmp_path}/script.py:2 in <module>",
        f"who       {pause['user']}, ",
        "box       bench3",
        "timeout   resumes in 5m00s",
        f"resume    lager python --continue {pause['id']} --box bench3",
        f"extend    lager python --extend {pause['id']} 600 --box bench3",
    ):
        assert words in told["message"]


@pytest.mark.variant
def test_the_command_in_a_message_works_when_it_is_typed(
    notifier: Callable[..., Process], receiver: Callable[..., Receiver], run: Starter, client: Client, lager: Command
) -> None:
    there = receiver()
    notifier(there.url)
    run(PAUSE.format(timeout=300))
    pause = client.paused()
    (command,) = [line for line in there.next()["message"].splitlines() if line.startswith("resume ")]
    assert lager(*command.split()[2:]).returncode == 0
    assert client.resumed(pause["id"])[0] == "continued"


def test_the_message_of_a_question_has_the_command_that_answers_it(
    notifier: Callable[..., Process], receiver: Callable[..., Receiver], run: Starter, client: Client, lager: Command
) -> None:
    there = receiver()
    notifier(there.url)
    script = run('from lager import ask\nprint(ask("How many?", kind="number", unit="mm", low=1, high=9))\n')
    pause = client.paused()
    told = there.next()
    assert told["title"].startswith("lager: question: script.py:2")
    assert "question  How many?\nanswer    a number from 1 to 9 mm" in told["message"]
    assert f"answer    lager answer {pause['id']} VALUE" in told["message"]
    assert lager("answer", pause["id"], "3").returncode == 0
    script.out.expect("3.0")


def test_a_timeout_sends_a_message_before_and_after(
    notifier: Callable[..., Process], receiver: Callable[..., Receiver], run: Starter, client: Client
) -> None:
    there = receiver()
    notifier(there.url, more='resumes_soon = "1s"')
    run(PAUSE.format(timeout=2))
    client.paused()
    titles = [there.next()["title"] for _ in range(3)]
    assert [title.split(": ")[1] for title in titles] == ["paused", "resumes in 1s", "resumed automatically"]


@pytest.mark.variant
def test_a_pause_that_waits_long_sends_one_message(
    notifier: Callable[..., Process], receiver: Callable[..., Receiver], run: Starter, client: Client
) -> None:
    there = receiver()
    notifier(there.url, more='waiting = 1\nevents = ["waiting", "auto-resumed"]')
    run(PAUSE.format(timeout=2))
    client.paused()
    assert there.next()["title"].startswith("lager: paused for 1s: script.py:2")
    assert there.next()["title"].startswith("lager: resumed automatically")


def test_a_quarantine_sends_a_message_even_if_it_began_before(
    notifier: Callable[..., Process],
    receiver: Callable[..., Receiver],
    nets: SafeBench,
    run: Starter,
    client: Client,
    lager: Command,
) -> None:
    nets.add(supply2='safe = "off"')
    there = receiver()
    holder = run(
        "from lager import Net, NetType\n"
        "net = Net.get('supply2', type=NetType.PowerSupply)\nprint('held', flush=True)\ninput()\n"
    )
    holder.out.expect("held")
    nets.path.unlink()
    holder.kill()
    signal = client.expect("Quarantined")
    notifier(there.url)
    told = there.next()
    assert told["title"] == f"lager: {signal.args[1]['name']} may be energised, quarantined"
    assert f"lager instruments clear {signal.args[1]['name']}" in told["message"]


@pytest.mark.variant
def test_a_mail_arrives(notifier: Callable[..., Process], mail_server: Receiver, run: Starter, client: Client) -> None:
    notifier(f"mailto://127.0.0.1:{mail_server.port}/?from=bench@example.com&to=anna@example.com&mode=insecure")
    run(PAUSE.format(timeout=300))
    id = client.paused()["id"]
    mail = mail_server.next()
    assert mail["to"] == ["anna@example.com"]
    assert mail["title"] == "lager: paused: script.py:2 - is the LED green"
    assert f"lager python --continue {id}" in mail["message"]


@pytest.mark.variant
def test_no_message_is_sent_while_a_console_is_attached(
    notifier: Callable[..., Process], receiver: Callable[..., Receiver], run: Starter, client: Client
) -> None:
    there = receiver()
    notifier(there.url, more='waiting = 2\nevents = ["waiting", "auto-resumed", "resumes-soon"]\nresumes_soon = 1')
    run('from lager import pause\npause("x", timeout=3, interactive=True)\npause("next", timeout=1)\n')
    id = client.paused()["id"]
    console = client.call("OpenConsole", "sa{sv}", id, {})
    client.resumed(id)
    os.close(console)
    assert "next" in there.next()["title"]


@pytest.mark.variant
def test_a_closed_console_restarts_the_times(
    notifier: Callable[..., Process], receiver: Callable[..., Receiver], run: Starter, client: Client, start: Starter
) -> None:
    there = receiver()
    notifier(there.url, more='waiting = 1\nevents = ["waiting"]')
    run('from lager import pause\npause("x", interactive=True)\n')
    id = client.paused()["id"]
    console = start(LAGER, "console", id, stdin=-1)
    client.expect("Extended", lambda signal: signal.args[2].get("why") == "attached")
    console.stdin.close()
    client.expect("Extended", lambda signal: signal.args[2].get("why") == "detached")
    assert id in there.next()["message"]


@pytest.mark.slow
def test_a_burst_of_a_thousand_pauses_is_a_few_messages_that_count_each_once(
    notifier: Callable[..., Process], receiver: Callable[..., Receiver], run: Starter, client: Client
) -> None:
    there = receiver()
    notifier(there.url, more='events = ["paused"]\n[limits]\nmessages = 20')
    run(
        "import threading\nfrom lager import pause\n"
        "for n in range(1000):\n    threading.Thread(target=pause, args=(f'pause {n}',)).start()\n"
    )
    for _ in range(1000):
        client.paused()
    counted, messages = 0, 0
    while counted < 1000:
        title = there.next()["title"]
        messages += 1
        counted += 1 if title.startswith("lager: paused") else int(title.split()[1])
    assert counted == 1000
    assert messages <= 30


@pytest.mark.slow
def test_without_a_limit_each_of_many_pauses_is_one_message(
    notifier: Callable[..., Process], receiver: Callable[..., Receiver], run: Starter, client: Client
) -> None:
    there = receiver()
    notifier(there.url, more='events = ["paused"]\n[limits]\nmessages = 0')
    run(
        "import threading\nfrom lager import pause\n"
        "for n in range(100):\n    threading.Thread(target=pause, args=(f'pause {n}',)).start()\n"
    )
    ids = {client.paused()["id"] for _ in range(100)}
    messages = [there.next() for _ in ids]
    told = [line for one in messages for line in one["message"].splitlines() if line.startswith("id ")]
    assert {line.split()[1] for line in told} == ids


@pytest.mark.parametrize(
    ("mode", "tries"), [("hang", 1), ("hang", 2), ("refuse", 2), pytest.param("trickle", 2, marks=pytest.mark.slow)]
)
def test_a_dead_webhook_delays_nothing_and_is_given_up(
    notifier: Callable[..., Process],
    receiver: Callable[..., Receiver],
    run: Starter,
    client: Client,
    mode: str,
    tries: int,
) -> None:
    dead, alive = receiver(mode), receiver()
    notes = notifier(dead.url, alive.url, more=f"[limits]\ntries = {tries}\ntimeout = 2")
    script = run(PAUSE.format(timeout=300))
    id = client.paused()["id"]
    assert f"--continue {id}" in alive.next()["message"]
    if tries > 1:
        notes.err.expect("url 1 (json) failed; trying again")
    notes.err.expect("url 1 (json) failed; giving up")
    client.call("Continue", "s", id)
    assert script.wait() == 0
    assert len(dead.all()) == tries
    assert SECRET not in notes.err.text


def test_a_receiver_that_was_killed_gets_the_message_when_it_is_back(
    notifier: Callable[..., Process], receiver: Callable[..., Receiver], run: Starter, client: Client
) -> None:
    there = receiver()
    notes = notifier(there.url)
    there.process.kill()
    there.process.wait()
    run(PAUSE.format(timeout=300))
    id = client.paused()["id"]
    notes.err.expect("failed; trying again")
    again = receiver(port=there.port)
    assert f"--continue {id}" in again.next()["message"]
    notes.err.expect("told url 1 (json)")
    assert again.all() == []


@pytest.mark.variant
def test_a_message_about_an_ended_pause_is_not_sent(
    notifier: Callable[..., Process], receiver: Callable[..., Receiver], run: Starter, client: Client
) -> None:
    there = receiver()
    notes = notifier(there.url, more='events = ["paused"]')
    there.process.kill()
    there.process.wait()
    run('from lager import pause\npause("first")\npause("second")\n')
    client.call("Continue", "s", client.paused()["id"])
    second = client.paused()["id"]
    notes.err.expect("failed; trying again")
    again = receiver(port=there.port)
    told = again.next()
    assert second in told["message"]
    assert "first" not in told["message"]


def test_a_secret_is_in_no_message_and_in_no_list_of_processes(
    notifier: Callable[..., Process],
    receiver: Callable[..., Receiver],
    run: Starter,
    client: Client,
    lager: Command,
    configured: Callable[..., str],
) -> None:
    there = receiver("refuse")
    notes = notifier(there.url, more="[limits]\ntries = 1")
    run(PAUSE.format(timeout=300))
    client.paused()
    there.next()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for name in ("cmdline", "environ"):
            try:
                with open(f"/proc/{pid}/{name}", "rb") as file:
                    assert SECRET.encode() not in file.read()
            except OSError:
                continue
    notes.err.expect("giving up")
    failed = lager("notify", "test", "--config", configured(there.url))
    assert failed.returncode == 1
    assert "url 1 (json) failed: Failed to send JSON POST notification: Internal server error" in failed.stderr
    assert SECRET not in notes.err.text + failed.stderr + failed.stdout


def test_lager_notify_test_sends_one_message_to_each_url(
    receiver: Callable[..., Receiver], lager: Command, configured: Callable[..., str]
) -> None:
    there, other = receiver(), receiver()
    done = lager("notify", "test", "--config", configured(there.url, other.url))
    assert (done.returncode, done.stdout) == (0, "Sent to url 1 (json).\nSent to url 2 (json).\n")
    for one in (there, other):
        (message,) = one.all()
        assert message["title"] == f"lager: test from {socket.gethostname()}"


def test_a_url_that_apprise_does_not_know_is_a_mistake(
    lager: Command, configured: Callable[..., str], receiver: Callable[..., Receiver]
) -> None:
    there = receiver()
    done = lager("notify", "--foreground", "--config", configured(there.url, f"nothing://{SECRET}", "slack://tooshort"))
    assert done.returncode == 78
    unknown = "not a URL that apprise knows, or a part of it is missing"
    assert f"lager: url 2 (nothing) is {unknown}; url 3 (slack) is {unknown}." in done.stderr
    assert SECRET not in done.stderr
    assert there.all() == []
