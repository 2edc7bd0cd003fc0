import logging
import os

from lagerd.service.log import Unblocking


def test_a_full_pipe_never_blocks() -> None:
    reader, writer = os.pipe()
    handler = Unblocking(writer)
    record = logging.LogRecord("x", logging.INFO, "", 0, "a line of some length " * 20, (), None)
    for _ in range(1000):
        handler.emit(record)
    os.set_blocking(reader, False)
    assert os.read(reader, 1 << 20).startswith(b"a line of some length")
    os.close(reader)
    handler.emit(record)
    os.close(writer)
    handler.emit(record)


def test_a_closed_descriptor_and_a_long_line_do_no_harm() -> None:
    reader, writer = os.pipe()
    handler = Unblocking(writer)
    handler.emit(logging.LogRecord("x", logging.INFO, "", 0, "y" * 100_000, (), None))
    assert os.read(reader, 1 << 20) == b"y" * 4095 + b"\n"
    os.close(reader)
    os.close(writer)
