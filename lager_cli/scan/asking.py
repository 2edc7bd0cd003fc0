"""Asks what is at an address: *IDN?, or the product of a LabJack, and nothing else."""

from dataclasses import dataclass
from typing import Any

from lager.errors import InstrumentBusy, LagerError
from lager.instruments.holdings import session_of
from lager.instruments.looks import claim_look
from lager.nets import catalog
from lager.nets.model import Instrument, Nets

_ANSWER_SECONDS = 0.4  # connecting and one question end within the second that a look may take


@dataclass(frozen=True)
class Found:
    """What is at an address. `model` is its plain form, "" if nothing answered; `problem` says why."""

    address: str
    identity: str = ""
    model: str = ""
    known_as: str = ""
    problem: str = ""

    @property
    def types(self) -> list[str]:
        """Return the types of nets that the instrument can have; none without a driver."""
        family = catalog.find(self.model) if self.model else None
        return [type.value for type in family.drivers] if family is not None else []

    def as_dict(self) -> dict[str, Any]:
        return {
            "address": self.address,
            "identity": self.identity or None,
            "model": self.model or None,
            "types": self.types,
            "known_as": self.known_as or None,
            "problem": self.problem or None,
        }


def ask(address: str, nets: Nets | None = None) -> Found:
    """Return what is at the address. Blocks up to a second, and while lagerd answers; an instrument that is held is not
    asked."""
    instrument = Instrument("instrument", "", address, _ANSWER_SECONDS)
    known = _known_as(instrument, nets)
    try:
        identity = _identity(instrument)
    except InstrumentBusy as busy:
        return Found(address, known_as=known, problem=busy.what)
    except LagerError as error:
        return Found(address, known_as=known, problem=error.what.replace(str(instrument), "it", 1))
    return Found(address, identity, _model(identity), known)


def _identity(instrument: Instrument) -> str:
    session = session_of(instrument)
    session.load()
    lease = claim_look(instrument, "")
    try:
        session.any_model, session.as_it_is = True, True
        return session.identity()
    finally:
        session.close()
        lease.release()


def _model(identity: str) -> str:
    fields = identity.split(",")
    return catalog.plain(fields[1] if len(fields) > 1 else identity)


def _known_as(instrument: Instrument, nets: Nets | None) -> str:
    """Return the name in the nets file of the instrument at this address."""
    for one in nets.instruments.values() if nets is not None else ():
        if one.key == instrument.key:
            return one.name
    return ""
