"""Parses the details of a claim: the requested lease, and what the caller says about itself."""

import re
import time
from dataclasses import dataclass
from typing import Any

from lager.contract import LONGEST
from lager.errors import InvalidArgument
from lager.wording.text import printable
from lagerd.instruments.leases.lease import Lease

KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}\Z")
_LONGEST_KEY = 100
_LONGEST_NET = 1000
_LONGEST_PATH = 4096


@dataclass(frozen=True)
class Claimant:
    """The part of a claim that is used only while the claim is handled.

    A serial port can have several names, and only the claimant, which sees /dev, knows which are one port at the
    moment: `same` are the keys of leases of this port under another name, `moved` the keys of leases that had this
    device but whose path now points elsewhere. `script` is False for a command, which takes --through if `through` is
    True; `ancestors` are the processes that started the claimant.
    """

    script: bool = False
    ancestors: frozenset[int] = frozenset()
    same: frozenset[str] = frozenset()
    moved: frozenset[str] = frozenset()
    through: bool = False


PLAIN = Claimant()  # says nothing about itself


def from_details(
    instrument: str, details: dict[str, Any], *, owner: str, uid: int, user: str, pid: int
) -> tuple[Lease, float]:
    """Return the requested lease, and how many seconds to wait for it. Raises InvalidArgument for invalid details."""
    if not KEY.match(instrument):
        raise InvalidArgument(
            f"'{printable(instrument, 60)}' is not a valid instrument key.", "Use the key that lager makes."
        )
    wait = details.get("wait", 0.0)
    if type(wait) is not float or not 0 <= wait <= LONGEST:
        raise InvalidArgument("The key wait of a claim is not a valid number of seconds.", "Give 0 or more.")
    look = details.get("look", False)
    if type(look) is not bool:
        raise InvalidArgument("The key look of a claim is not a boolean.", "Give true for a reading of a second.")
    reserved = details.get("reserved", False)
    if type(reserved) is not bool or (reserved and (look or not details.get("run_id"))):
        raise InvalidArgument("The key reserved of a claim is invalid.", "Give true with the id of a run, and no look.")

    lease = Lease(
        instrument=instrument,
        name=_text(details, "name") or instrument,
        net=_text(details, "net"),
        run_id=_text(details, "run_id").lower(),
        script=_text(details, "script"),
        owner=owner,
        uid=uid,
        user=user,
        pid=pid,
        since=time.time(),
        address=_text(details, "address", _LONGEST_PATH),
        device=_text(details, "device"),
        began=round(time.monotonic(), 3),
        safe=() if look or reserved else safe_nets(details),
        look=look,
        reserved=reserved,
        nets_file=_text(details, "nets_file", _LONGEST_PATH),
        places=_places(details),
    )
    return lease, wait


def claimant(details: dict[str, Any]) -> Claimant:
    """Return the Claimant in the details of a claim. Raises InvalidArgument if a key has another type."""
    ancestors = (word for word in _texts(details, "ancestors") if word.isascii() and word.isdigit())
    return Claimant(
        script=_text(details, "how") == "script",
        through=details.get("through") is True,
        ancestors=frozenset(map(int, ancestors)),
        same=_texts(details, "same"),
        moved=_texts(details, "moved"),
    )


def safe_nets(details: dict[str, Any]) -> tuple[str, ...]:
    """Return the nets in the details of a claim that are to be made safe. Raises InvalidArgument."""
    return tuple(sorted(_texts(details, "safe", _LONGEST_NET)))


def _places(details: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return where each net of the instrument is, as the claim says it. Raises InvalidArgument."""
    places = details.get("places", {})
    if type(places) is not dict or not all(type(text) is str for pair in places.items() for text in pair):
        raise InvalidArgument("The key places of a claim should be a dictionary of strings.")
    short = {net: printable(place) for net, place in places.items() if len(net) <= _LONGEST_NET}
    return tuple(sorted(short.items()))


def _text(details: dict[str, Any], key: str, limit: int = 200) -> str:
    value = details.get(key, "")
    if type(value) is not str:
        raise InvalidArgument(f"The key {key} of a claim is of type {type(value).__name__}, not str.")
    return printable(value, limit)


def _texts(details: dict[str, Any], key: str, limit: int = _LONGEST_KEY) -> frozenset[str]:
    values = details.get(key, [])
    if type(values) is not list or not all(type(value) is str and len(value) <= limit for value in values):
        raise InvalidArgument(f"The key {key} of a claim should be a list of short strings.")
    return frozenset(values)
