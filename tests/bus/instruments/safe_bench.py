"""A simulated bench whose nets have safe states, and which can be asked without lager."""

import socket
import tomllib
from pathlib import Path

from lager.nets import file
from tests.patterns import search

INSTRUMENTS = "com.lager.Instruments"


class SafeBench:
    """The nets file of the test, and what its instruments say when they are asked directly."""

    def __init__(self, path: Path, simulated: str) -> None:
        self.path = path
        self._simulated = simulated
        self.add()

    def add(self, **lines: str) -> None:
        """Write the file anew, with these lines in the tables of these nets."""
        text = self._simulated
        for net, line in lines.items():
            text = text.replace(f"[nets.{net}]\n", f"[nets.{net}]\n{line}\n")
        self.path.write_text(text)

    def ask(self, instrument: str, question: str) -> str:
        address = tomllib.loads(self._simulated)["instruments"][instrument]["address"]
        host, port = search(r"^TCPIP\d*::([\d.]+)::(\d+)::SOCKET", address).groups()
        with socket.create_connection((host, int(port)), timeout=10) as line:
            line.sendall(question.encode() + b"\n")
            return line.makefile().readline().strip()

    def tell(self, instrument: str, command: str) -> None:
        self.ask(instrument, f"{command};*OPC?")

    def is_on(self, channel: int = 1) -> bool:
        return {"ON": True, "OFF": False}[self.ask("psu1", f":OUTP? CH{channel}")]

    def key(self, instrument: str = "psu1") -> str:
        return file.load(self.path).instruments[instrument].key
