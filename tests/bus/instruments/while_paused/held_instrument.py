"""An instrument that does not answer one query."""

import socket
import threading
from typing import ClassVar

from tests.processes import PATIENCE


class HeldInstrument:
    """A DP821 that does not answer the first query that matches `held`, until it is told to."""

    ANSWERS: ClassVar = {
        "*IDN?": "RIGOL TECHNOLOGIES,DP821,DP8B1,00.01.14", ":SYST:ERR?": '0,"No error"', ":OUTP? CH1": "ON",
        ":MEAS:ALL? CH1": "3.3,0.1,0.33", ":SOUR1:VOLT?": "3.3", ":SOUR1:CURR?": "0.5", ":OUTP:MODE? CH1": "CV",
        ":OUTP:OVP:VAL? CH1": "8", ":OUTP:OCP:VAL? CH1": "8",
    }  # fmt: skip

    def __init__(self, held: str) -> None:
        self._held = held
        self.asked, self.go = threading.Event(), threading.Event()
        self.heard: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.visa = f"TCPIP::127.0.0.1::{self._listener.getsockname()[1]}::SOCKET"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection, connection.makefile("rwb", buffering=0) as lines:
            for line in lines:
                question = line.decode().strip()
                self.heard.append(question)
                if question == self._held and not self.go.is_set():
                    self.asked.set()
                    self.go.wait(PATIENCE)
                if question.endswith("?") or "? " in question:
                    lines.write(self.ANSWERS.get(question, "OFF" if "QUES" not in question else "NO").encode() + b"\n")

    def close(self) -> None:
        self.go.set()
        self._listener.close()
