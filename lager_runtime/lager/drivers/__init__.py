"""The parts of a driver of your own. See docs/drivers.md, and lager.drivers.replay for its tests."""

from lager.errors import BadReply, InstrumentError, InvalidArgument, LimitExceeded, Rejected
from lager.instruments.drivers.base.battery import BatteryState
from lager.instruments.drivers.base.dmm import Dmm, DmmState
from lager.instruments.drivers.base.driver import Driver, ScpiDriver, Switched
from lager.instruments.drivers.base.state import Readings, State
from lager.instruments.drivers.base.supply import Supply
from lager.instruments.drivers.base.supply_state import SupplyState
from lager.instruments.drivers.base.switch import Switch, SwitchState
from lager.instruments.drivers.loads.rigol_dl3000 import LoadState
from lager.instruments.sessions import parse
from lager.nets.quantities import amount, keep_limit

__all__ = [
    "BadReply",
    "BatteryState",
    "Dmm",
    "DmmState",
    "Driver",
    "InstrumentError",
    "InvalidArgument",
    "LimitExceeded",
    "LoadState",
    "Readings",
    "Rejected",
    "ScpiDriver",
    "State",
    "Supply",
    "SupplyState",
    "Switch",
    "SwitchState",
    "Switched",
    "amount",
    "keep_limit",
    "parse",
]
