"""Files that a run on a box wrote, and that come back: which they are, there; and how they are written here."""

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
    """The patterns of --download: globs relative to the run's folder; `**` is any number of folders, and a pattern that
    fits a folder means all in it."""

    def __init__(self, patterns: Sequence[str]) -> None:
        """Raises TransferError for one that cannot be meant."""
        self.patterns = tuple(patterns)
        self._specs = {pattern: _spec(pattern) for pattern in patterns}

    def fitting(self, name: str) -> set[str]:
        """The patterns that `name` fits, as in a shell: what is hidden only where a pattern has a dot there, too."""
        return {pattern for pattern in self.fitting_with_hidden(name) if _names_hidden(pattern, name)}

    def fitting_with_hidden(self, name: str) -> set[str]:
        return {pattern for pattern, spec in self._specs.items() if name == pattern or spec.match_file(_line(name))}

    def plain(self) -> list[str]:
        """Those that are names and nothing else."""
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
    """Whether the pattern names each part of `name` that begins with a dot."""
    dotted = [part for part in os.path.normpath(pattern).split("/") if part.startswith(".") and part != os.curdir]
    return all(any(fnmatchcase(part, one) for one in dotted) for part in name.split("/") if part.startswith("."))


def _line(text: str) -> str:
    """As one line of the patterns' language, which has no other way to write the end of a line or a space at it."""
    return os.path.normpath(text).replace("\n", "\x01").replace(" ", "\x02")


class Snapshot:
    """What is in a run's folder before it starts."""

    def __init__(self, folder: str) -> None:
        self._folder = os.path.realpath(folder)
        self._before = {name: _marks(about) for name, about in _walk(self._folder)}

    def send_changed(self, wanted: Wanted, write: tar.Write) -> None:
        """Pass on what was written since, and is wanted. A link is followed where it stays in the folder; else, and for
        what is no file or cannot be read, only the name goes, so that the other side can say so.

        Blocks as `write` does. Raises TransferError, and then what was passed on is not complete.
        """
        for name, about in _walk(self._folder):
            if _marks(about) != self._before.get(name) and wanted.fitting(name):
                pack.send(name, self._entry(name, about), write, settled=False)
        tar.end(write)

    def _entry(self, name: str, about: os.stat_result) -> pack.Entry:
        end = os.path.realpath(os.path.join(self._folder, name))
        with contextlib.suppress(OSError):
            found = os.stat(end)
            if pack.within(end, self._folder) and stat.S_ISREG(found.st_mode) and os.access(end, os.R_OK):
                return pack.Entry(end, found)
        return pack.Entry(end, about, link=os.curdir)


def _marks(about: os.stat_result) -> tuple[int, ...]:
    return about.st_ino, about.st_size, about.st_mtime_ns


def _walk(folder: str, below: str = "") -> Iterator[tuple[str, os.stat_result]]:
    """All but folders, and what Python keeps for itself; what vanishes, or may not be read, is passed over."""
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
    """Before the run, which may be long: raise TransferError for a file that its results would have to replace."""
    for name in wanted.plain():
        if os.path.lexists(name) and not os.path.isdir(name):
            hint = "Move it away, or use --allow-overwrite."
            raise TransferError(f"{name} already exists, and --download would replace it.", hint)


class Receiver:
    """Writes into the current folder what comes from a box, which is trusted with nothing: only files that fit a
    pattern are taken. Each gets its own name or, where that is taken and may not be overwritten, that with a number.

    `problems` has a sentence for each that did not come as it was asked for; `missed` has the patterns that none fits.
    """

    def __init__(self, wanted: Wanted, *, overwrite: bool) -> None:
        self._wanted, self._overwrite = wanted, overwrite
        self.problems: list[str] = []
        self.missed = [*wanted.patterns]

    def receive(self, stream: BinaryIO) -> None:
        """Blocks until all has come. Raises TransferError; then what came before is there, and nothing in part."""
        with Folder(os.curdir) as into:
            for info, content in tar.entries(stream):
                fitting = self._wanted.fitting(info.name)
                if not fitting and self._is_hidden(info.name):
                    self.problems.append(
                        f"{info.name} is hidden and was not downloaded. Name it: --download {info.name}"
                    )
                    continue
                if not fitting:
                    raise TransferError(f"The box sent {info.name!r}, which was not asked for.", DISTRUST)
                self.missed = [pattern for pattern in self.missed if pattern not in fitting]
                self._take(into, info, content)

    def _is_hidden(self, name: str) -> bool:
        """Whether it was asked for but for its dots, as a box of an earlier version takes it."""
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
    """The execute bits of the file here, which are the user's to give: what the box says of them is not believed."""
    with contextlib.suppress(OSError):
        about = os.stat(name, dir_fd=fd, follow_symlinks=False)
        return about.st_mode & 0o111 if stat.S_ISREG(about.st_mode) else 0
    return 0


def _write(fd: int, name: str, mode: int, content: Iterable[bytes], *, overwrite: bool) -> str:
    """Its name once all of it is there."""
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
    """Give a file a name that nothing has, at once. Raises FileExistsError."""
    try:
        os.link(part, name, src_dir_fd=fd, dst_dir_fd=fd)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        os.close(os.open(name, NEW, dir_fd=fd))
        os.rename(part, name, src_dir_fd=fd, dst_dir_fd=fd)
