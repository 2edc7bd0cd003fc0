"""`lager nets scan` and `lager nets add`: what answers, and how it comes into the nets file."""

import json
import os
import re
import socket
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.client import Client
from tests.fixtures import Command, Starter, TerminalStarter
from tests.processes import LAGER, Process
from tests.station import Station

MINE = "# my bench\n[instruments.dmm]\nmodel = 'serial'   # on the left\naddress = '/dev/ttyS9'\n\n# end"


@pytest.fixture
def addresses(bench: Process, station: Station) -> dict[str, str]:
    """The addresses of the simulated instruments."""
    known = tomllib.loads(Path(station.env["LAGER_NETS"]).read_text())["instruments"]
    return {name: one["address"] for name, one in known.items()}


def scanned(lager: Command, *words: Any, **env: Any) -> dict[str, dict[str, Any]]:
    done = lager("nets", "scan", "--json", *words, **env)
    assert done.returncode == 0, done
    return {one["address"]: one for one in json.loads(done.stdout)}


def test_a_scan_finds_the_instruments_of_the_file_and_says_how_to_add_others(
    lager: Command, addresses: dict[str, str], tmp_path: Path
) -> None:
    found = scanned(lager)
    psu = found[addresses["psu1"]]
    assert (psu["model"], psu["types"], psu["known_as"]) == ("DP821", ["supply"], "psu1")
    assert found[addresses["daq1"]]["types"] == ["adc", "dac", "gpio", "thermocouple"]
    shown = lager("nets", "scan", addresses["smu1"], LAGER_NETS=str(tmp_path / "none.toml"))
    assert re.search(r"^TCPIP\S+SOCKET +2281S-20-6 +supply battery +- +KEITHLEY", shown.stdout, re.M)
    assert f"lager nets add NAME --type supply --address {addresses['smu1']}" in shown.stdout


def test_a_scan_skips_instruments_in_use(
    lager: Command, run: Starter, client: Client, addresses: dict[str, str]
) -> None:
    run("import lager\nnet = lager.Net.get('supply2', type='supply')\nlager.pause()\n")
    client.paused()
    held = scanned(lager)[addresses["psu1"]]
    assert held["identity"] is None
    assert re.match(r"psu1 is held by \S+: script\.py \(net supply2\) since .* paused at ", held["problem"])


@pytest.fixture
def instrument() -> Iterator[Any]:
    """Something that listens, and remembers all that it was sent."""

    class Listening:
        def __init__(self) -> None:
            self.said = b""
            self.socket = socket.create_server(("127.0.0.1", 0))
            self.address = f"TCPIP::127.0.0.1::{self.socket.getsockname()[1]}::SOCKET"
            self.reply = b"ACME,X1,7,1.0\n"
            threading.Thread(target=self._serve, daemon=True).start()

        def _serve(self) -> None:
            while True:
                try:
                    line, _ = self.socket.accept()
                except OSError:
                    return
                with line:
                    while data := line.recv(1000):
                        self.said += data
                        line.sendall(self.reply)

    one = Listening()
    yield one
    one.socket.shutdown(socket.SHUT_RDWR)
    one.socket.close()


def test_a_scan_sends_nothing_but_the_question_who_it_is(lager: Command, instrument: Any) -> None:
    [one] = [found for found in scanned(lager, instrument.address).values() if found["address"] == instrument.address]
    assert (one["identity"], one["model"], one["types"]) == ("ACME,X1,7,1.0", "X1", [])
    assert instrument.said == b"*IDN?\n"


def test_what_does_not_answer_ends_at_the_limit(lager: Command, instrument: Any) -> None:
    instrument.reply = b""
    [one] = [found for found in scanned(lager, instrument.address).values() if found["address"] == instrument.address]
    assert "did not answer '*IDN?'" in one["problem"]
    late = lager("nets", "scan", instrument.address, "--limit", "0")
    assert late.returncode == 0
    assert "did not answer within 0 s" in late.stderr


@pytest.mark.parametrize("word", ["10.0.0.0/8", "::::", "bad host!"])
def test_a_place_that_cannot_be_scanned_is_refused(lager: Command, word: str) -> None:
    refused = lager("nets", "scan", word)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "Give" in refused.stderr


def test_a_net_is_added_at_the_end_and_everything_else_stays(
    lager: Command, addresses: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "nets.toml"
    file.write_text(MINE)
    os.chmod(file, 0o640)
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    env = {"LAGER_NETS": str(link)}
    added = lager(
        "nets", "add", "rail", "--type", "supply", "--address", addresses["psu1"], "--channel", "1",
        "--max-voltage", "5500mV", **env,
    )  # fmt: skip
    assert added.stdout == f"Added rail to {link}: supply on dp821 (DP821).\n", added
    assert (
        lager(
            "nets", "add", "io", "--type", "supply", "--address", addresses["psu1"], "--channel", "2", **env
        ).returncode
        == 0
    )
    text = file.read_text()
    assert text.startswith(MINE + "\n\n[instruments.dp821]\n")
    assert text.count("[instruments.") == 2
    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o640
    nets = json.loads(lager("nets", "--json", **env).stdout)
    assert [(one["name"], one["channel"], one["limits"]) for one in nets] == [
        ("rail", 1, {"max_voltage": 5.5}), ("io", 2, {}),
    ]  # fmt: skip
    assert lager("supply", "rail", "voltage", "3", **env).returncode == 0


def test_the_first_net_makes_the_file(lager: Command, tmp_path: Path) -> None:
    env = {"LAGER_NETS": str(tmp_path / "new.toml")}
    done = lager("nets", "add", "tty", "--type", "uart", "--address", "/dev/ttyUSB7", **env)
    assert done.returncode == 0, done
    written = tomllib.loads((tmp_path / "new.toml").read_text())
    assert written["nets"] == {"tty": {"type": "uart", "instrument": "serial"}}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("dup", "--type", "uart", "--address", "/dev/ttyS9"), "has a net dup already"),
        (("x", "--type", "lamp", "--address", "/dev/ttyS9"), "'lamp' is not a net type"),
        (("x", "--type", "supply", "--address", "TCPIP::h::INSTR", "--model", "DP821", "--channel", "7"), "channel"),
        (("x", "--type", "supply", "--address", "TCPIP::h::INSTR", "--model", "DP821"), "1 to 2. Nothing was written."),
        (("x", "--type", "supply", "--address", "TCPIP::h::INSTR", "--model", "DP9"), "DP9"),
        (
            ("x", "--type", "supply", "--address", "TCPIP::h::INSTR", "--model", "DP821", "--max-voltage", "five"),
            "not valid",
        ),
        (("x", "--type", "uart", "--address", ""), "an address cannot be empty"),
        (("x", "--type", "supply", "--address", "ASRL/dev/ttyS8::INSTR"), "Give --model."),
    ],
)
def test_a_mistake_leaves_the_file_as_it_was(lager: Command, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    file = tmp_path / "nets.toml"
    text = MINE.replace("# end", "[nets.dup]\ntype = 'uart'\ninstrument = 'dmm'\n# end")
    file.write_text(text)
    refused = lager("nets", "add", *words, LAGER_NETS=str(file))
    assert refused.returncode in (1, 2), refused
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
    assert file.read_text() == text
    assert os.listdir(tmp_path) == ["nets.toml"]


def test_a_net_that_was_found_can_be_used(
    terminal: TerminalStarter, lager: Command, addresses: dict[str, str], tmp_path: Path
) -> None:
    env = {"LAGER_NETS": str(tmp_path / "n.toml")}
    assert (
        lager(
            "nets", "add", "led", "--type", "gpio", "--address", addresses["daq1"], "--channel", "FIO4", **env
        ).returncode
        == 0
    )
    shown = terminal(LAGER, "gpi", "led", **env)
    assert shown.wait() == 0
    assert shown.screen.text.strip() in ("0", "1")
