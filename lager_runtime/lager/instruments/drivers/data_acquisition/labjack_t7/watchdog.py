"""The watchdog of a LabJack T7.

LabJack, T-Series Datasheet, "Watchdog": when no command has come over any connection for `WATCHDOG_TIMEOUT_S_DEFAULT`
(uint32 at 61604), the T7 sets the DACs and digital lines that are enabled there. Its registers may be written only
while `WATCHDOG_ENABLE_DEFAULT` (61600) is 0, and are kept in flash memory: only what differs is written.
"""

from collections.abc import Sequence

from lager.errors import Rejected
from lager.instruments.sessions.modbus import Registers
from lager.nets.model import NetConfig, NetType

_WATCHDOG, _WATCHDOG_SECONDS = 61600, 61604
_WATCHDOG_ADVANCED, _WATCHDOG_STRICT, _WATCHDOG_RESET = 61602, 61610, 61620
_WATCHDOG_DIO, _WATCHDOG_STATE, _WATCHDOG_DIRECTION, _WATCHDOG_INHIBIT = 61630, 61632, 61634, 61636
_WATCHDOG_DAC = 61640  # enable and voltage of DAC0; those of DAC1 are 10 further
_ALL_LINES = (1 << 23) - 1


def set_watchdog(session: Registers, nets: Sequence[NetConfig]) -> None:
    """Arm the watchdog of the T7 for these nets, and read it back; without nets, disarm it.

    After its time the nets get their safe state: without one a dac is at 0 V, and a gpio line that may be driven is
    driven low. The other outputs stay as they are. Raises Rejected, and the errors of the session.
    """
    with session.exchange():
        wrong = _arm(session, _watchdog(nets)) if nets else _disarm(session)
        if wrong:
            what = f"{session.instrument} did not accept the settings of its watchdog (registers {wrong})."
            raise Rejected(what, "Update its firmware, or remove deadman from the nets file.")


def _arm(session: Registers, wanted: dict[tuple[int, str], float]) -> list[int]:
    """Write what differs, with the watchdog disabled, and enable it; return the registers that are wrong after that."""
    differing = {place: value for place, value in wanted.items() if session.read(*place) != value}
    armed = session.read(_WATCHDOG, "I") == 1
    if armed and differing:
        session.write(_WATCHDOG, "I", 0)
    for place, value in differing.items():
        session.write(*place, value)
    if differing or not armed:
        session.write(_WATCHDOG, "I", 1)
    wrong = [place[0] for place, value in wanted.items() if session.read(*place) != value]
    return wrong or ([] if session.read(_WATCHDOG, "I") == 1 else [_WATCHDOG])


def _disarm(session: Registers) -> list[int]:
    if session.read(_WATCHDOG, "I") == 1:
        session.write(_WATCHDOG, "I", 0)
    return [] if session.read(_WATCHDOG, "I") == 0 else [_WATCHDOG]


def _watchdog(nets: Sequence[NetConfig]) -> dict[tuple[int, str], float]:
    """Return the registers of the watchdog, but for the one that enables it."""
    driven = level = lines = 0
    dacs: dict[int, float] = {}
    for net in nets:
        channel, safe = net.channel or 0, dict(net.safe.settings) if net.safe else {}
        if net.type is NetType.DAC:
            dacs[channel] = float(safe.get("voltage", 0.0))
        else:
            lines |= 1 << channel
            driven |= (safe.get("output") != "release") << channel
            level |= int(safe.get("level", 0)) << channel
    registers: dict[tuple[int, str], float] = {
        (_WATCHDOG_SECONDS, "I"): min(net.deadman for net in nets),
        (_WATCHDOG_ADVANCED, "I"): 0,
        (_WATCHDOG_STRICT, "I"): 0,
        (_WATCHDOG_RESET, "I"): 0,
        (_WATCHDOG_DIO, "I"): bool(lines),
        (_WATCHDOG_STATE, "I"): level,
        (_WATCHDOG_DIRECTION, "I"): driven,
        (_WATCHDOG_INHIBIT, "I"): _ALL_LINES & ~lines,
    }
    for number_of_dac in (0, 1):
        place = _WATCHDOG_DAC + 10 * number_of_dac
        registers[place, "I"] = number_of_dac in dacs
        registers[place + 2, "f"] = dacs.get(number_of_dac, 0.0)
    return registers
