"""Files that come from another machine, which is trusted with nothing: they are written into one folder only."""

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator
from tarfile import TarInfo
from typing import BinaryIO, Self

from lager.errors import TransferError
from lager_cli.transfer import tar

DISTRUST = "Do not trust that box."
_HERE = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class NotWritten(TransferError):
    """A file could not be written here, for which who sent it is not to blame."""


class Folder:
    """Writes below one folder by names from elsewhere. No name and no link, old or new, leads out of it."""

    def __init__(self, path: str, where: str = "") -> None:
        """`where` is what a complaint says of the place. Raises OSError."""
        self._where = where
        self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    @contextlib.contextmanager
    def at(self, name: str) -> Iterator[tuple[int, str]]:
        """The folder that `name` is in, made where it is missing, and the last part of `name`. A refusal is raised as
        TransferError, a fault of the system, in here or inside of the `with`, as NotWritten."""
        parts = name.split("/")
        if not all(parts) or {".", ".."} & {*parts}:
            raise TransferError(f"The file name {name!r} was refused.", DISTRUST)
        fd = os.dup(self._fd)
        try:
            for part in parts[:-1]:
                fd = _step(fd, part)
            yield fd, parts[-1]
        except OSError as problem:
            what = f"{name} cannot be written{self._where}: {_reason(problem)}."
            raise NotWritten(what, "Fix this and try again.") from None
        finally:
            os.close(fd)


def _step(fd: int, part: str) -> int:
    """Into a folder, which takes the place of `fd`."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(part, dir_fd=fd)
    inner = os.open(part, _HERE, dir_fd=fd)
    os.close(fd)
    return inner


def _reason(problem: OSError) -> str:
    if problem.errno in (errno.ENOTDIR, errno.ELOOP):
        return "part of its path is a link or a file"
    return str(problem.strerror)


def write_new(fd: int, name: str, mode: int, content: Iterable[bytes]) -> None:
    """A new file in the folder `fd`; none is left where that fails. Raises OSError, FileExistsError among them."""
    out = os.open(name, NEW, mode, dir_fd=fd)
    try:
        with open(out, "wb") as file:
            file.writelines(content)
    except BaseException:
        os.unlink(name, dir_fd=fd)
        raise


def unpack(stream: BinaryIO, folder: str) -> None:
    """Write all that `Selection.write` sent into `folder`, which is empty and private. Blocks until all has come.
    Raises TransferError; the folder is then of no use, and the caller's to remove, as it is in any case."""
    folders: list[TarInfo] = []
    links: list[str] = []
    with Folder(folder, " on the box") as into:
        for info, content in tar.entries(stream):
            with into.at(info.name) as (fd, last):
                if tar.is_file(info):
                    write_new(fd, last, 0o600, content)
                    os.chmod(last, info.mode & 0o777, dir_fd=fd)
                    os.utime(last, (info.mtime, info.mtime), dir_fd=fd)
                elif info.isdir():
                    os.mkdir(last, dir_fd=fd)
                    folders.append(info)
                elif info.issym():
                    os.symlink(info.linkname, last, dir_fd=fd)
                    links.append(info.name)
                else:
                    raise TransferError(f"{info.name} is neither a file nor a folder, and was refused.")
        _keep_inside(folder, links)
        for info in reversed(folders):  # the innermost first: the mode of an outer one may forbid to go in
            with into.at(info.name) as (fd, last):
                os.chmod(last, info.mode & 0o777, dir_fd=fd)


def _keep_inside(folder: str, links: Iterable[str]) -> None:
    """No link was followed until now; nobody else shall be led out of the folder, either."""
    top = os.path.realpath(folder)
    for name in links:
        if os.path.commonpath([top, os.path.realpath(os.path.join(top, name))]) != top:
            raise TransferError(f"{name} is a link that leads out of the folder, and was refused.")
