"""Downloads: selects the files that a run on a box wrote, and writes them here."""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from tarfile import TarInfo
from typing import BinaryIO

from pathspec import GitIgnoreSpec

from lager.errors import TransferError
from lager_cli.transfer import pack, tar
from lager_cli.transfer.unpack import DISTRUST, NEW, Folder, NotWritten, write_new

_SPARE_NAMES = 1000


class Wanted:
    """The patterns of --download: globs relative to the run's folder. `**` matches any number of folders, and a pattern
    that matches a folder matches everything in it."""

    def __init__(self, patterns: Sequence[str]) -> None:
        """Raises TransferError for an invalid pattern."""
        self.patterns = tuple(patterns)
        self._specs = {pattern: _spec(pattern) for pattern in patterns}

    def fitting(self, name: str) -> set[str]:
        """Return the patterns that match `name`. As in a shell, a hidden name needs a pattern with that dot."""
        return {pattern for pattern in self.fitting_with_hidden(name) if _names_hidden(pattern, name)}

    def fitting_with_hidden(self, name: str) -> set[str]:
        return {pattern for pattern, spec in self._specs.items() if name == pattern or spec.match_file(_line(name))}

    def plain(self) -> list[str]:
        """Return the patterns that are plain names."""
        return [pattern for pattern in self.patterns if not {*"*?[\\"} & {*pattern}]


def _spec(pattern: str) -> GitIgnoreSpec:
    if not pattern or pattern.startswith("/") or ".." in pattern.split("/"):
        hint = "Name files relative to the folder that the script starts in, as in --download 'results/*.csv'."
        raise TransferError(f"--download {pattern!r} is outside the run's folder.", hint)
    try:
        return GitIgnoreSpec.from_lines([f"/{_line(pattern)}" if os.path.normpath(pattern) != os.curdir else "**"])
    except ValueError:
        raise TransferError(f"--download {pattern!r} is not a valid pattern.", "Write it as a shell pattern.") from None


def _names_hidden(pattern: str, name: str) -> bool:
    """Return whether the pattern names each part of `name` that begins with a dot."""
    dotted = _hidden(os.path.normpath(pattern))
    return all(any(fnmatchcase(part, one) for one in dotted) for part in _hidden(name))


def _hidden(name: str) -> list[str]:
    return [part for part in name.split("/") if part.startswith(".") and part != os.curdir]


def _line(text: str) -> str:
    """Return the text as one line of a gitignore file, which cannot contain a newline or a trailing space."""
    return os.path.normpath(text).replace("\n", "\x01").replace(" ", "\x02")


class Snapshot:
    """The content of a run's folder before the run starts."""

    def __init__(self, folder: str) -> None:
        self._folder = os.path.realpath(folder)
        self._before = {name: _marks(about) for name, about in _walk(self._folder)}

    def send_changed(self, wanted: Wanted, write: tar.Write) -> None:
        """Send the wanted files that were written since. A link is followed if it stays in the folder. Otherwise, and
        for anything that is not a readable file, only the name is sent, so that the other side can report it.

        Blocks as `write` does. Raises TransferError if the transfer is incomplete.
        """
        for name, about in _walk(self._folder):
            if _marks(about) != self._before.get(name) and wanted.fitting(name):
                pack.send(name, self._entry(name, about), write, settled=False)
        tar.end(write)

    def _entry(self, name: str, about: os.stat_result) -> pack.PackedEntry:
        end = os.path.realpath(os.path.join(self._folder, name))
        with contextlib.suppress(OSError):
            found = os.stat(end)
            if pack.within(end, self._folder) and stat.S_ISREG(found.st_mode) and os.access(end, os.R_OK):
                return pack.PackedEntry(end, found)
        return pack.PackedEntry(end, about, link=os.curdir)


def _marks(about: os.stat_result) -> tuple[int, ...]:
    return about.st_ino, about.st_size, about.st_mtime_ns


def _walk(folder: str, below: str = "") -> Iterator[tuple[str, os.stat_result]]:
    """Yield everything except folders and __pycache__. Skips files that vanish or cannot be read."""
    with contextlib.suppress(OSError), os.scandir(os.path.join(folder, below)) as found:
        for item in sorted(found, key=lambda item: item.name):
            name = os.path.join(below, item.name)
            if item.name == "__pycache__":
                continue
            if item.is_dir(follow_symlinks=False):
                yield from _walk(folder, name)
            else:
                with contextlib.suppress(OSError):
                    yield name, item.stat(follow_symlinks=False)


def refuse_existing(wanted: Wanted) -> None:
    """Raise TransferError for a file that a download would replace. Called before the run, which may be long."""
    for name in wanted.plain():
        if os.path.lexists(name) and not os.path.isdir(name):
            hint = "Move it away, or use --allow-overwrite."
            raise TransferError(f"{name} already exists, and --download would replace it.", hint)


class Receiver:
    """Writes downloads into the current folder. The box is not trusted: only files that match a pattern are accepted. A
    file gets its own name or, if that exists and must not be replaced, that name with a number.

    `problems` has a sentence for each file that was not downloaded as requested; `missed` has the patterns without a
    file.
    """

    def __init__(self, wanted: Wanted, *, overwrite: bool) -> None:
        self._wanted, self._overwrite = wanted, overwrite
        self.problems: list[str] = []
        self.missed = [*wanted.patterns]

    def receive(self, stream: BinaryIO) -> None:
        """Receive all files. Blocks. Raises TransferError; the files before it are complete, and none is partial."""
        with Folder(os.curdir) as into:
            for info, content in tar.entries(stream):
                fitting = self._wanted.fitting(info.name)
                if not fitting and self._is_hidden(info.name):
                    self.problems.append(
                        f"{info.name} is hidden and was not downloaded. Name it: --download {info.name}"
                    )
                    continue
                if not fitting:
                    raise TransferError(f"The box sent {info.name!r}, which was not requested.", DISTRUST)
                self.missed = [pattern for pattern in self.missed if pattern not in fitting]
                self._take(into, info, content)

    def _is_hidden(self, name: str) -> bool:
        """Return whether only the dot prevents a match. A box with an earlier version sends such files."""
        return not {"", ".", ".."} & {*name.split("/")} and bool(self._wanted.fitting_with_hidden(name))

    def _take(self, into: Folder, info: TarInfo, content: Iterable[bytes]) -> None:
        if not tar.is_file(info):
            self.problems.append(f"{info.name} is not a readable file in the run's folder and was not downloaded.")
            return
        try:
            with into.at(info.name) as (fd, last):
                mode = info.mode & 0o666 | (_executable(fd, last) if self._overwrite else 0)
                name = _write(fd, last, mode, content, overwrite=self._overwrite)
        except NotWritten as problem:
            self.problems.append(str(problem))
            return
        if name != last:
            kept = os.path.join(os.path.dirname(info.name), name)
            way = "" if self._overwrite else " Use --allow-overwrite to replace it."
            self.problems.append(f"{info.name} already exists, so the run's file is {kept}.{way}")


def _executable(fd: int, name: str) -> int:
    """Return the execute bits of the existing file. Only the user sets these; the box is not trusted with them."""
    with contextlib.suppress(OSError):
        about = os.stat(name, dir_fd=fd, follow_symlinks=False)
        return about.st_mode & 0o111 if stat.S_ISREG(about.st_mode) else 0
    return 0


def _write(fd: int, name: str, mode: int, content: Iterable[bytes], *, overwrite: bool) -> str:
    """Write a file completely, then give it its name. Return the name."""
    part = f".lager-{secrets.token_hex(8)}.part"
    write_new(fd, part, mode, content)
    try:
        if overwrite:
            with contextlib.suppress(IsADirectoryError):
                os.rename(part, name, src_dir_fd=fd, dst_dir_fd=fd)
                return name
        return _take_free_name(fd, part, name)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part, dir_fd=fd)


def _take_free_name(fd: int, part: str, name: str) -> str:
    for number in range(_SPARE_NAMES):
        free = f"{name}.{number}" if number else name
        with contextlib.suppress(FileExistsError):
            _name_anew(fd, part, free)
            return free
    raise FileExistsError(None, "it already exists, and so do a thousand numbered names")


def _name_anew(fd: int, part: str, name: str) -> None:
    """Give a file a new name, atomically. Raises FileExistsError."""
    try:
        os.link(part, name, src_dir_fd=fd, dst_dir_fd=fd)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        os.close(os.open(name, NEW, dir_fd=fd))
        os.rename(part, name, src_dir_fd=fd, dst_dir_fd=fd)
