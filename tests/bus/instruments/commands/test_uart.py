"""`lager uart`: input from a pipe or a terminal, the answers, and how it ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client import Client
from tests.fixtures import Starter, TerminalStarter
from tests.loopback import Loopback
from tests.processes import LAGER, Process

pytestmark = pytest.mark.usefixtures("bench")
ASKS = "echo help | {lager} uart uart1", "echo help > asks; {lager} uart uart1 < asks", "{lager} uart uart1 <<< help"


@pytest.mark.parametrize("command", ASKS)
def test_input_piped_to_a_uart_gets_its_answer(start: Starter, command: str) -> None:
    process = start("/bin/bash", "-c", command.format(lager=LAGER))
    assert process.out.rest() == "commands: *IDN? | echo TEXT | rail | help\n"
    assert process.err.rest() == ""
    assert process.wait() == 0


@pytest.mark.parametrize("stdin", ["< asks", "< /dev/null"])
def test_input_piped_to_a_uart_of_a_box_gets_its_answer(start: Starter, near: Loopback, stdin: str) -> None:
    process = start("/bin/bash", "-c", f"echo help > asks; {LAGER} uart uart1 --box near {stdin}")
    assert ("commands: *IDN?" in process.out.rest()) == (stdin == "< asks")
    assert process.wait() == 0


@pytest.mark.parametrize("stdin", ["< /dev/null", "<&-"])
def test_a_uart_with_nothing_to_send_reads_until_the_line_is_quiet(start: Starter, stdin: str) -> None:
    if stdin == "< /dev/null":
        process = start(LAGER, "uart", "uart1", stdin=subprocess.DEVNULL)
    else:
        process = start("/bin/bash", "-c", f"{LAGER} uart uart1 {stdin}")
    assert process.out.rest() + process.err.rest() == ""
    assert process.wait() == 0


def test_a_long_file_to_a_uart_loses_nothing(start: Starter, tmp_path: Path) -> None:
    words = [f"{number:07}" for number in range(5000)]
    (tmp_path / "asks").write_text("".join(f"echo {word}\n" for word in words))
    with (tmp_path / "asks").open() as asks:
        process = start(LAGER, "uart", "uart1", stdin=asks.fileno())
    assert process.out.rest().split() == words


def test_quiet_for_waits_for_a_slow_answer(start: Starter, bench: Process, client: Client, tmp_path: Path) -> None:
    """The line is quiet for a second before its first answer."""
    slow = "import os, pty, time, tty; m, s = pty.openpty(); tty.setraw(s); print(os.ttyname(s), flush=True)\n"
    slow += "got = os.read(m, 100); time.sleep(1); os.write(m, got.upper()); os.read(m, 100)\n"
    device = start(sys.executable, "-c", slow)
    nets = tmp_path / "slow.toml"
    address = device.out.expect("\n").strip()
    nets.write_text(f'[instruments.u]\naddress = "{address}"\n[nets.slow]\ntype = "uart"\ninstrument = "u"\n')
    process = start(LAGER, "uart", "slow", "--quiet-for", "5", stdin=subprocess.PIPE, LAGER_NETS=str(nets))
    process.stdin.write(b"hi\n")
    process.stdin.close()
    process.out.expect("HI\n")
    device.close()
    assert "Check its cable" in process.err.rest()
    assert process.wait() == 1


@pytest.mark.parametrize("stdin", ["", "<<< ping", "< /dev/zero"])
def test_a_uart_whose_adapter_is_unplugged_says_so_and_what_to_check(
    terminal: TerminalStarter, tmp_path: Path, stdin: str
) -> None:
    adapter, port = os.openpty()
    nets = tmp_path / "adapter.toml"
    path = os.ttyname(port)
    nets.write_text(f'[instruments.dut]\naddress = "{path}"\n[nets.dut]\ntype = "uart"\ninstrument = "dut"\n')
    command = f"{LAGER} uart dut --quiet-for 60 {stdin}"
    screen = terminal("/bin/bash", "--norc", "-c", f"{command}; echo code $?", LAGER_NETS=str(nets))
    if stdin:
        assert os.read(adapter, 4)
    else:
        screen.expect("press Ctrl-] to leave")
    os.close(port)
    os.write(adapter, b"hello\n")
    screen.expect("hello")
    os.close(adapter)
    said = screen.expect("code 1")
    assert f"The connection to dut (serial at {path}) was lost: " in said
    assert "Check its cable and power" in said
    assert "Traceback" not in said


def test_uart_on_a_terminal_leaves_with_ctrl_bracket(terminal: TerminalStarter) -> None:
    screen = terminal(LAGER, "uart", "uart1")
    screen.expect("press Ctrl-] to leave")
    screen.type("*IDN?\r\n")
    screen.expect("BENCH UART")
    screen.type("\x1d")
    assert screen.wait() == 0


def test_a_terminated_uart_command_restores_the_terminal(terminal: TerminalStarter) -> None:
    kept = "stty -a > before; lager uart uart1; echo code $?; stty -a > after; cmp before after && echo same"
    screen = terminal("/bin/bash", "--norc", "-c", kept)
    screen.expect("press Ctrl-] to leave")
    [uart] = Path(f"/proc/{screen.pid}/task/{screen.pid}/children").read_text().split()
    os.kill(int(uart), signal.SIGTERM)
    assert "code 143" in screen.expect("same")
