"""The files of a run on a box, on the box: in a private folder, which is gone when the run is over."""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Mapping
from typing import Any, BinaryIO

from lager_cli.transfer.downloads import Snapshot, Wanted
from lager_cli.transfer.unpack import unpack


class RunFolder:
    """`order` is that of the Parcel."""

    def __init__(self, order: Mapping[str, Any]) -> None:
        self.path = os.path.realpath(tempfile.mkdtemp(prefix="lager-"))
        self._wanted = Wanted([*map(str, order.get("download", ()))])
        self._snapshot: Snapshot | None = None
        self.stays = bool(order.get("stays"))

    def unpack(self, upload: BinaryIO) -> None:
        """Before the command starts. Blocks until all has come. Raises TransferError."""
        unpack(upload, self.path)
        if self._wanted.patterns:
            self._snapshot = Snapshot(self.path)

    def pack(self, download: BinaryIO) -> None:
        """After the command has ended. Blocks until all is read, or nobody reads. Raises TransferError."""
        assert self._snapshot is not None
        with contextlib.suppress(BrokenPipeError):
            self._snapshot.send_changed(self._wanted, download.write)

    def remove(self) -> None:
        remove(self.path)


def remove(folder: str) -> None:
    """With all in it, however deep, and whatever modes a script gave it. What cannot be removed stays."""
    for command in (["chmod", "-R", "u+rwx"], ["rm", "-rf"]):
        subprocess.run([*command, "--", folder], stderr=subprocess.DEVNULL, check=False)
