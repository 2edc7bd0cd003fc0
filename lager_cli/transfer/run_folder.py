"""The files of a run, on the box: in a private folder that is removed when the run has ended."""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Mapping
from typing import Any, BinaryIO

from lager_cli.transfer.downloads import Snapshot, Wanted
from lager_cli.transfer.unpack import unpack


class RunFolder:
    """The folder of one run. `order` comes from the Attachments."""

    def __init__(self, order: Mapping[str, Any]) -> None:
        self.path = os.path.realpath(tempfile.mkdtemp(prefix="lager-"))
        self._wanted = Wanted([*map(str, order.get("download", ()))])
        self._snapshot: Snapshot | None = None
        self.stays = bool(order.get("stays"))

    def unpack(self, upload: BinaryIO) -> None:
        """Receive the upload, before the command starts. Blocks. Raises TransferError."""
        unpack(upload, self.path)
        if self._wanted.patterns:
            self._snapshot = Snapshot(self.path)

    def pack(self, download: BinaryIO) -> None:
        """Send the download, after the command has ended. Blocks until the reader has it or is gone."""
        assert self._snapshot is not None
        with contextlib.suppress(BrokenPipeError):
            self._snapshot.send_changed(self._wanted, download.write)

    def remove(self) -> None:
        remove(self.path)


def remove(folder: str) -> None:
    """Remove a folder, whatever its depth and modes. Files that cannot be removed stay."""
    for command in (["chmod", "-R", "u+rwx"], ["rm", "-rf"]):
        subprocess.run([*command, "--", folder], stderr=subprocess.DEVNULL, check=False)
