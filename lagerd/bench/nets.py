"""Writes the nets file of the bench, with the addresses of its instruments."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

NAME = "nets.toml"


@dataclass(frozen=True)
class NetEntry:
    name: str
    type: str
    instrument: str
    channel: int | str | None = None
    limits: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class InstrumentEntry:
    """The name, model and address of an instrument on the bench."""

    name: str
    model: str
    address: str


def table(header: str, values: Mapping[str, object]) -> str:
    """Return a TOML table. Strings and numbers have the same syntax in JSON and TOML."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items() if value is not None]
    return "\n".join([f"[{header}]", *lines]) + "\n"


def render(instruments: Iterable[InstrumentEntry], nets: Iterable[NetEntry]) -> str:
    tables = [table(f"instruments.{one.name}", {"model": one.model, "address": one.address}) for one in instruments]
    tables += [
        table(
            f"nets.{net.name}",
            {"type": net.type, "instrument": net.instrument, "channel": net.channel, **net.limits},
        )
        for net in nets
    ]
    return "\n".join(tables)


class NetsFile:
    """The file on disk. It appears complete or not at all, and `remove` deletes it only if it was not replaced."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._inode: int | None = None

    def write(self, text: str) -> None:
        fresh = self.path.with_name(f".{NAME}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
            self._inode = os.fstat(stream.fileno()).st_ino
        fresh.replace(self.path)

    def remove(self) -> None:
        try:
            if self.path.stat().st_ino == self._inode:
                self.path.unlink()
        except FileNotFoundError:
            return
