"""The notifier as a service: off until it is configured, and then what its page says."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.box.container import COMMAND_SECONDS, Box
from tests.box.people import INSTRUMENTS, INSTRUMENTS_PATH, NAME, PATH, call, paused
from tests.documents import Step, play

CONFIG = "/etc/lager/notify.toml"
SECRET = "hunter2secret"
_RECEIVER = """
import json
from http.server import BaseHTTPRequestHandler, HTTPServer
class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()
        print("got", body["title"], body["message"].replace("\\n", "; "), flush=True)
    def log_message(self, *_):
        pass
server = HTTPServer(("127.0.0.1", 0), Receiver)
print("port", server.server_port, flush=True)
server.serve_forever()
"""


@pytest.fixture
def receiver(box: Box) -> Iterator[Any]:
    """A web server in the box, and the URL that leads to it."""
    box.write("/opt/receiver.py", _RECEIVER)
    server: Any
    with box.start("python", "/opt/receiver.py", user="bob") as server:
        port = server.until(r"port (\d+)")[1]
        server.url = f"json://anna:{SECRET}@127.0.0.1:{port}/{SECRET}"
        yield server
    box.run("rm", "-f", CONFIG)
    box.run("systemctl", "stop", "lager-notify")
    box.run("systemctl", "reset-failed", "lager-notify", check=False)


@pytest.fixture
def hurried(box: Box) -> Iterator[None]:
    """systemd starts a notifier that was killed at once, not after five seconds."""
    drop_in = box.write("/run/systemd/system/lager-notify.service.d/hurry.conf", "[Service]\nRestartSec=100ms\n")
    box.run("systemctl", "daemon-reload")
    yield
    box.run("rm", drop_in)
    box.run("systemctl", "daemon-reload")


def state(box: Box, *properties: str) -> list[str]:
    shown = [box.run("systemctl", "show", "lager-notify", "--value", f"--property={one}") for one in properties]
    return [one.stdout.strip() for one in shown]


def records(box: Box, event: str) -> list[dict[str, Any]]:
    box.run("journalctl", "--sync")
    return [one for one in json.loads(box.run("lager", "history", "--json").stdout) if one["event"] == event]


def test_without_a_configuration_it_is_enabled_and_stays_off(box: Box) -> None:
    assert box.run("systemctl", "is-enabled", "lager-notify").stdout == "enabled\n"
    box.run("systemctl", "start", "lager-notify")
    assert state(box, "ActiveState", "ConditionResult") == ["inactive", "no"]


def test_it_starts_while_lagerd_is_stopped_and_leaves_it_stopped(box: Box, receiver: Any) -> None:
    box.write(CONFIG, f'urls = ["{receiver.url}"]\n', mode=0o600)
    box.run("systemctl", "stop", "lagerd")
    try:
        box.run("systemctl", "start", "lager-notify")
        assert state(box, "ActiveState", "StatusText") == ["active", "lagerd is down; waiting for it."]
        assert box.run("systemctl", "is-active", "lagerd", check=False).stdout == "inactive\n"
    finally:
        box.run("systemctl", "start", "lagerd")
    with (script := paused(box, "alice")).process:
        receiver.until(rf"got lager: paused: .*{script.id}")
        call(box, "alice", "Continue", "s", script.id)
        script.goes_on()


def until_recorded(box: Box, script: Any) -> None:
    ends = time.monotonic() + COMMAND_SECONDS
    while script.id not in {one["breakpoint"] for one in records(box, "notified")}:
        assert time.monotonic() < ends


@pytest.mark.usefixtures("hurried")
def test_the_page_switches_it_on_and_people_are_told(box: Box, receiver: Any) -> None:
    def run(step: Step) -> tuple[int, str, str]:
        command = step.command.removeprefix("sudo ")
        if "pip install" in command:  # it is there already
            return 0, "", ""
        if command.startswith("sudoedit"):
            box.run("sed", "-i", f's|^urls = .*|urls = ["{receiver.url}",|', CONFIG)
            box.run("cp", CONFIG, "/root/notify.toml")
            return 0, "", ""
        if "--foreground" in command:
            command = f"XDG_STATE_HOME=/tmp/here timeout --signal=INT 2 {command} || test $? = 124"
        done = box.run("bash", "-c", command, check=False)
        return done.returncode, done.stdout, done.stderr

    assert play("notify.md", run)
    assert box.run("stat", "--format=%a %U", CONFIG).stdout == "600 root\n"
    receiver.until("got lager: test from")
    receiver.until("got lager: test from")

    with (script := paused(box, "alice")).process:
        told = receiver.until(rf"got lager: paused: .*box test.*who +alice.*lager python --continue {script.id}")
        assert "pausing.py" in told[0]
        until_recorded(box, script)  # which it is after it has been delivered
        main = state(box, "MainPID")[0]
        box.run("kill", "-KILL", main)
        with (second := paused(box, "alice")).process:
            told = receiver.until(r"got lager: paused.*")[0]
            assert (second.id in told, script.id in told) == (True, False)
            call(box, "bob", "Continue", "s", second.id)
            second.goes_on()
        call(box, "bob", "Continue", "s", script.id)
        script.goes_on()
    until_recorded(box, second)


def test_the_notifier_may_only_list_and_listen(box: Box) -> None:
    become = ["setpriv", "--reuid=lager-notify", "--regid=lager-notify", "--clear-groups", "busctl", "call"]
    box.run(*become, NAME, PATH, NAME, "List")
    box.run(*become, INSTRUMENTS, INSTRUMENTS_PATH, INSTRUMENTS, "List")
    for member, words in (("ContinueAll", ()), ("Continue", ("s", "abcd")), ("Identify", ("s", "cli"))):
        refused = box.run(*become, NAME, PATH, NAME, member, *words, check=False)
        assert "ccess denied" in refused.stderr


def test_a_mistake_is_a_sentence_without_the_secret(box: Box, receiver: Any) -> None:
    box.write(CONFIG, f'urls = ["{receiver.url}"]\nevent = ["{SECRET}"]\n', mode=0o600)
    assert box.run("systemctl", "start", "lager-notify", check=False).returncode != 0
    box.run("journalctl", "--sync")
    said = box.run("journalctl", "--unit=lager-notify", "--output=cat").stdout
    assert f"lager: {CONFIG} is invalid: unknown key event (did you mean events?). Fix it, then" in said
    assert state(box, "ActiveState", "ExecMainStatus") == ["failed", "78"]
    assert SECRET not in box.run("journalctl", "--output=export").stdout


def test_a_dead_url_is_in_the_history(box: Box, receiver: Any) -> None:
    box.write(CONFIG, f'urls = ["json://anna:{SECRET}@127.0.0.1:1/"]\n[limits]\ntries = 1\n', mode=0o600)
    box.run("systemctl", "restart", "lager-notify")
    with (script := paused(box, "alice")).process:
        with box.start("journalctl", "--unit=lager-notify", "--follow", "--lines=all", "--output=cat") as log:
            log.until(r"paused: .*: url 1 \(json\) failed; giving up: .*Connection refused")
        call(box, "alice", "Continue", "s", script.id)
        script.goes_on()
    (failed,) = [one for one in records(box, "not-notified") if one["breakpoint"] == script.id]
    assert "Connection refused" in failed["reason"]
    assert SECRET not in json.dumps(failed)
