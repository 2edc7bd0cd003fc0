"""Uploads: selects the files that go to a box with a run, and writes them as a stream."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from tarfile import DIRTYPE, SYMTYPE, TarInfo
from typing import NoReturn

from lager.errors import TransferError
from lager_cli.transfer import tar
from lager_cli.transfer.gitignore import Rules

_KINDS = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


@dataclass(frozen=True)
class PackedEntry:
    """`local` is its path on this machine; `link` is the target of a symbolic link."""

    local: str
    stat: os.stat_result
    link: str = ""

    @property
    def size(self) -> int:
        return self.stat.st_size if stat.S_ISREG(self.stat.st_mode) else 0

    def info(self, name: str) -> TarInfo:
        info = TarInfo(name)
        info.mode, info.mtime, info.size = self.stat.st_mode & 0o777, max(int(self.stat.st_mtime), 0), self.size
        if stat.S_ISDIR(self.stat.st_mode):
            info.type = DIRTYPE
        elif self.link:
            info.type, info.linkname = SYMTYPE, self.link
        return info


@dataclass
class FileSelection:
    """Entries by their names in the run's folder.

    A name relative to the current folder is kept, so that a script finds its files by the same names. Files outside the
    current folder go to the top of the run's folder; `typed` has the names that the user typed for them.
    """

    entries: dict[str, PackedEntry] = field(default_factory=dict)
    typed: dict[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of content."""
        return sum(entry.size for entry in self.entries.values())

    def add(self, typed: str) -> str:
        """Add a file, or a folder without what git ignores. Return its name there. Raises TransferError."""
        try:
            about = os.stat(typed)
            name = _name(typed)
            if name != os.path.normpath(typed):
                self.typed[name] = typed
            path = os.path.realpath(typed)
            if stat.S_ISDIR(about.st_mode):
                for below, entry in _folder(path, "", about, Rules.around(path), path):
                    self._put(os.path.normpath(os.path.join(name, below)), entry)
            else:
                self._put(name, _plain(path, about))
        except OSError as problem:
            _unreadable(problem, typed)
        return name

    def _put(self, name: str, entry: PackedEntry) -> None:
        known = self.entries.setdefault(name, entry)
        if known.local != entry.local and name != os.curdir:
            what = f"{known.local} and {entry.local} would both be {name} on the box."
            raise TransferError(what, "Start the command in a folder that contains both.")

    def write(self, write: tar.Write) -> None:
        """Write all entries, some hundred kilobytes at a time. Blocks as `write` does. Raises TransferError if the
        output is incomplete."""
        for name, entry in self.entries.items():
            if name != os.curdir:
                send(name, entry, write)
        tar.end(write)


def send(name: str, entry: PackedEntry, write: tar.Write, *, settled: bool = True) -> None:
    """Write one entry. Unless `settled`, a file may still grow, and is sent with its current size."""
    if stat.S_ISREG(entry.stat.st_mode):
        try:
            _send_content(name, entry, write, settled)
        except BrokenPipeError:
            raise  # of `write`
        except OSError as problem:
            _unreadable(problem, entry.local)
    else:
        write(tar.header(entry.info(name)))


def _send_content(name: str, entry: PackedEntry, write: tar.Write, settled: bool) -> None:
    # The file may have been replaced since, by a FIFO at worst, whose open would block.
    fd = os.open(entry.local, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(fd, "rb", buffering=0) as file:
        if settled:
            _unchanged(entry, os.fstat(fd))
        else:
            entry = PackedEntry(entry.local, os.fstat(fd))
        write(tar.header(entry.info(name)))
        left = entry.size
        while left and (data := file.read(min(left, tar.CHUNK))):
            left -= len(data)
            write(data)
        if settled or left:
            _unchanged(entry, os.fstat(fd))
    write(tar.padding(entry.size))


def _unchanged(entry: PackedEntry, now: os.stat_result) -> None:
    then = entry.stat
    if (then.st_mode, then.st_size, then.st_mtime_ns) != (now.st_mode, now.st_size, now.st_mtime_ns):
        hint = "Try again when nothing writes to it, or leave it out with a .gitignore."
        raise TransferError(f"{entry.local} changed while it was being sent.", hint)


def _name(typed: str) -> str:
    relative = os.path.relpath(typed)
    outside = relative == os.pardir or relative.startswith(os.pardir + os.sep)
    return (os.path.basename(os.path.abspath(typed)) or os.curdir) if outside else relative


def _folder(path: str, name: str, about: os.stat_result, rules: Rules, top: str) -> Iterator[tuple[str, PackedEntry]]:
    """Yield a folder and everything in it, with names relative to the top."""
    yield name, PackedEntry(path, about)
    rules = rules.inside(path)
    with os.scandir(path) as found:
        items = sorted(found, key=lambda item: item.name)
    for item in items:
        is_folder = item.is_dir(follow_symlinks=False)
        if item.name == ".git" or rules.ignore(item.path, is_folder=is_folder):
            continue
        below, about = os.path.join(name, item.name), item.stat(follow_symlinks=False)
        if is_folder:
            yield from _folder(item.path, below, about, rules, top)
        elif item.is_symlink():
            yield below, PackedEntry(item.path, about, _link(item.path, top))
        else:
            yield below, _plain(item.path, about)


def _plain(path: str, about: os.stat_result) -> PackedEntry:
    kind = _KINDS.get(stat.S_IFMT(about.st_mode))
    if kind is not None:
        raise TransferError(f"{path} is {kind}, which cannot be sent.", "Remove it, or leave it out with a .gitignore.")
    return PackedEntry(path, about)


def _link(path: str, top: str) -> str:
    """Return the target of a link, which must be in the folder that is sent: nothing else exists on the box."""
    target, here, end = os.readlink(path), os.path.dirname(path), os.path.realpath(path)
    if not within(end, top):
        hint = "Put what it points to into the folder, or leave it out with a .gitignore."
        raise TransferError(f"{path} is a link that leads out of the folder, to {target}.", hint)
    on_the_way = os.path.normpath(os.path.join(os.path.relpath(here, top), target))
    return os.path.relpath(end, here) if on_the_way.startswith(("/", "..")) else target


def within(path: str, top: str) -> bool:
    return os.path.commonpath([top, path]) == top


def _unreadable(problem: OSError, path: str) -> NoReturn:
    what = problem.filename or path or "A file without a name"
    raise TransferError(f"{what} cannot be sent: {problem.strerror}.", "Fix this and try again.")
