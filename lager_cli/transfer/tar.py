"""Files as a tar stream, block by block, so that neither a large file nor a forged header uses much memory."""

from collections.abc import Callable, Iterator
from tarfile import AREGTYPE, BLOCKSIZE, GNU_FORMAT, GNUTYPE_LONGLINK, GNUTYPE_LONGNAME, REGTYPE, HeaderError, TarInfo
from typing import BinaryIO

from lager.errors import TransferError

CHUNK = 1 << 18
_LONGEST_NAME = 8192  # twice what Linux takes
_END = bytes(2 * BLOCKSIZE)

Write = Callable[[bytes], object]


def header(info: TarInfo) -> bytes:
    return info.tobuf(GNU_FORMAT, "utf-8", "surrogateescape")


def is_file(info: TarInfo) -> bool:
    return info.type in (REGTYPE, AREGTYPE)


def padding(size: int) -> bytes:
    """Return the padding after `size` bytes of content."""
    return bytes(-size % BLOCKSIZE)


def end(write: Write) -> None:
    write(_END)


def entries(stream: BinaryIO) -> Iterator[tuple[TarInfo, Iterator[bytes]]]:
    """Yield each header and its content; content that the caller does not read is skipped. Blocks in `stream.read`.

    Raises TransferError if the stream ends too early or is invalid.
    """
    long: dict[bytes, str] = {}
    while any(block := _exactly(stream, BLOCKSIZE)):
        info = _parsed(block)
        if info.type in (GNUTYPE_LONGNAME, GNUTYPE_LONGLINK):
            long[info.type] = _long_name(stream, info.size)
            continue
        info.name = long.get(GNUTYPE_LONGNAME, info.name).rstrip("/")
        info.linkname = long.get(GNUTYPE_LONGLINK, info.linkname)
        long.clear()
        content = _content(stream, info.size if is_file(info) else 0)
        yield info, content
        for _ in content:
            pass
    _exactly(stream, BLOCKSIZE)


def _parsed(block: bytes) -> TarInfo:
    try:
        info = TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except HeaderError:
        raise _damaged() from None
    if info.size < 0:
        raise _damaged()
    return info


def _long_name(stream: BinaryIO, size: int) -> str:
    if size > _LONGEST_NAME:
        raise _damaged()
    name = _exactly(stream, size + len(padding(size))).partition(b"\0")[0]
    return name.decode("utf-8", "surrogateescape")


def _content(stream: BinaryIO, size: int) -> Iterator[bytes]:
    left = size
    while left:
        chunk = stream.read(min(left, CHUNK))
        if not chunk:
            raise _cut()
        left -= len(chunk)
        yield chunk
    _exactly(stream, len(padding(size)))


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = stream.read(size - len(data))
        if not chunk:
            raise _cut()
        data += chunk
    return data


def _cut() -> TransferError:
    return TransferError("The transfer is incomplete: the stream ended too early.", "Try again.")


def _damaged() -> TransferError:
    return TransferError(
        "The transferred files are damaged.", "Check that both sides have the same version of lager, and try again."
    )
