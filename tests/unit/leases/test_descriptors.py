"""Which descriptors belong to a connection, and what becomes of a copy that is given back."""

import logging
import os
import socket
import sys

import pytest
from pyvisa_py.protocols.hislip import Instrument as HiSlip  # type: ignore[import-untyped]
from pyvisa_py.protocols.vxi11 import CoreClient  # type: ignore[import-untyped]
from pyvisa_py.tcpip import TCPIPInstrVxi11  # type: ignore[import-untyped]

from lager.instruments.sessions import descriptors


def test_the_sockets_of_each_way_are_found_and_nothing_else() -> None:
    one, other = socket.socketpair()
    with one, other:
        session = object.__new__(TCPIPInstrVxi11)
        session.interface = object.__new__(CoreClient)
        session.interface.sock = one
        session.interface.log = logging.StreamHandler(sys.stderr)
        session.interface.back = session
        assert descriptors.of(session) == {one.fileno()}
        session.interface = object.__new__(HiSlip)
        session.interface._sync, session.interface._async = one, other
        assert descriptors.of([{"it": session}]) == {one.fileno(), other.fileno()}
        one.close()
        assert descriptors.of(session) == {other.fileno()}
    assert descriptors.of(session) == set()
    assert descriptors.of(None) == set()


def test_a_copy_that_was_given_back_ends_here_and_keeps_its_number() -> None:
    one, other = socket.socketpair()
    with one, other:
        copy = os.dup(one.fileno())
        descriptors.close_copies({copy})
        one.close()
        assert other.recv(1) == b""
        assert os.read(copy, 1) == b""
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.write(copy, b"x")
        assert not os.get_inheritable(copy)
        os.close(copy)
