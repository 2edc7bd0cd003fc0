"""A journal for lagerd: a process that takes what is sent to a socket in journald's own protocol, at once."""

import asyncio
import json
import socket
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

Record = dict[str, str]
_PROGRAM = (sys.executable, "-m", __name__)
_PATIENCE = 20.0


class Journal:
    """`note` is called for each record. `records` are those since they were last cleared."""

    def __init__(self, path: Path, note: Callable[[str], None]) -> None:
        self.path = path
        self.records: list[Record] = []
        self._note = note
        self._marks = count()
        self._marked: asyncio.Queue[str] = asyncio.Queue()

    async def open(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
            ours.bind(str(self.path))
            self._process = await asyncio.create_subprocess_exec(
                *_PROGRAM, stdin=ours.fileno(), stdout=asyncio.subprocess.PIPE, start_new_session=True
            )
        self._reading = asyncio.create_task(self._read())

    async def all(self) -> list[Record]:
        """Every record that had been sent when this was asked."""
        mark = str(next(self._marks))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
            ours.connect(str(self.path))
            await asyncio.to_thread(ours.send, f"MARK={mark}\n".encode())
        async with asyncio.timeout(_PATIENCE):
            while await self._marked.get() != mark:
                pass
        return self.records

    async def close(self) -> None:
        if hasattr(self, "_process"):
            self._process.kill()
            await self._process.wait()
            await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            record = json.loads(line)
            if "MARK" in record:
                self._marked.put_nowait(record["MARK"])
            else:
                self._note(f"journal: {record['MESSAGE']}")
                self.records.append(record)


def parsed(datagram: bytes) -> Record:
    """The fields of one record: NAME=text, or the name alone and then the length of the text and the text."""
    record: Record = {}
    while datagram:
        line, _, datagram = datagram.partition(b"\n")
        name, equals, text = line.partition(b"=")
        if not equals:
            length = int.from_bytes(datagram[:8], "little")
            text, datagram = datagram[8 : 8 + length], datagram[9 + length :]
        record[name.decode()] = text.decode()
    return record


def main() -> None:
    with socket.socket(fileno=0) as ours:
        while True:
            print(json.dumps(parsed(ours.recv(1 << 20))), flush=True)


if __name__ == "__main__":
    main()
