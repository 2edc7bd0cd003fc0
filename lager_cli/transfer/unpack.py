"""Unpacks files from another machine, which is not trusted: they are written into one folder only."""

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
    """A file could not be written on this machine; the sender is not to blame."""


class Folder:
    """Writes below one folder, by untrusted names. No name and no link, old or new, leads out of it."""

    def __init__(self, path: str, where: str = "") -> None:
        """`where` is the place to name in errors. Raises OSError."""
        self._where = where
        self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    @contextlib.contextmanager
    def at(self, name: str) -> Iterator[tuple[int, str]]:
        """Yield the folder of `name`, created if missing, and the last part of `name`.

        Raises TransferError for a refused name, and NotWritten for an OSError, here or inside the `with`.
        """
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
    """Enter a folder, and replace `fd` by it."""
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
    """Write a new file in the folder `fd`; leave none if that fails. Raises OSError, including FileExistsError."""
    out = os.open(name, NEW, mode, dir_fd=fd)
    try:
        with open(out, "wb") as file:
            file.writelines(content)
    except BaseException:
        os.unlink(name, dir_fd=fd)
        raise


def unpack(stream: BinaryIO, folder: str) -> None:
    """Write everything that `Selection.write` sent into `folder`, which is empty and private. Blocks.

    Raises TransferError; the folder is then incomplete. The caller removes it in any case.
    """
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
        for info in reversed(folders):  # the innermost first: the mode of an outer one may forbid access
            with into.at(info.name) as (fd, last):
                os.chmod(last, info.mode & 0o777, dir_fd=fd)


def _keep_inside(folder: str, links: Iterable[str]) -> None:
    """Refuse links that lead out of the folder. lager has followed none, and the script must not follow one."""
    top = os.path.realpath(folder)
    for name in links:
        if os.path.commonpath([top, os.path.realpath(os.path.join(top, name))]) != top:
            raise TransferError(f"{name} is a link that leads out of the folder, and was refused.")
