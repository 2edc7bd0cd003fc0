"""Carries out requests of others through the instruments that this process has open, while it is paused.

A reading can use any net of the instrument, and sets no range, mode or role. A setting can use only a net that the
script has open, within the limits of both nets files, the script's and the caller's.
"""

import base64
import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from lager.contract import LIMITS
from lager.errors import AccessDenied, InstrumentError, InvalidArgument, NoSuchInstrument, NoSuchNet
from lager.instruments import holdings
from lager.instruments.drivers.base.driver import Driver
from lager.instruments.drivers.base.state import State
from lager.instruments.holdings import Holding
from lager.instruments.reporter import command_of
from lager.instruments.sessions.session import Session
from lager.instruments.while_paused.session_lock import acquire
from lager.nets import catalog
from lager.nets.actions import ACTIONS, IDENTITY, OPEN_NETS, Action, look
from lager.nets.model import Instrument, Limits, NetConfig, net_type
from lager.process import threads
from lager.wording.text import printable
from lager.wording.values import number


def carry_out(asked: Mapping[str, Any], begin: Callable[[], None], check: Callable[[], None]) -> dict[str, Any]:
    """Return the result of one action, in what JSON has: `value`, or `state` with its fields.

    `asked` has instrument, net, action and value as on the bus, `may_set`, and what the caller's nets file says of the
    net (type, channel, max_voltage, …). `begin` is called when the instrument is ours, `check` while it is not and
    before each exchange of a reading; both raise if the pause has ended. A setting that has begun is finished: it may
    have to be corrected after its readback. Blocks; raises LagerError.
    """
    key, name = str(asked.get("instrument", "")), str(asked.get("net", ""))
    holding = holdings.held(key)
    session = None if holding is None else holding.session
    if holding is None or session is None:
        raise NoSuchInstrument(f"The script no longer has {printable(key)} open.", "Try again.")
    if asked.get("action") in (IDENTITY, OPEN_NETS):
        with held(session, begin, check, as_it_is=True):
            about_all = _identity if asked["action"] == IDENTITY else _open_nets
            return about_all(holding, session)
    config = _config(holding, session.instrument, name, asked)
    action = _action(config, str(asked.get("action", "")))
    value = asked.get("value")
    setting = bool(action.do) or (value is not None and not action.asks)
    if setting:
        _check_setting(holding, config, action, value, bool(asked.get("may_set")))
    with held(session, begin, check, as_it_is=not setting), threads.acting_for(_author(config, asked)):
        return _plain(act(config, session, action, value, as_it_is=not setting))


def _author(config: NetConfig, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys that tell lagerd who sets the net."""
    command = f"lager {command_of(config.type)} --through" if asked.get("how") == "cli" else "D-Bus"
    return {"request": asked.get("request", 0), "how": command}


def act(config: NetConfig, session: Session, action: Action, value: Any = None, *, as_it_is: bool) -> Any:
    driver: Driver[Any] = holdings.driver_class(config)(config, session, lambda: None)  # it closes nothing
    driver.as_it_is = as_it_is
    driver.coupled = action.harmless
    driver.check()
    return action.on(driver, value)


def _plain(result: Any) -> dict[str, Any]:
    if isinstance(result, bytes):
        result = base64.b64encode(result).decode()
    return {"state": asdict(result)} if isinstance(result, State) else {"value": result}


def _identity(_: Holding, session: Session) -> dict[str, Any]:
    return {"value": session.identity()}


def _open_nets(holding: Holding, session: Session) -> dict[str, Any]:
    """Return a reading of each net that is open, or why there is none."""
    found = []
    for config in list(holding.users.values()):
        name = look(config.type)
        about: dict[str, Any] = {"net": config.name, "type": config.type.value}
        if name:
            try:
                about |= _plain(act(config, session, ACTIONS[config.type][name], as_it_is=True))
            except InstrumentError as error:
                about["error"] = str(error)
        found.append(about)
    return {"nets": found}


def _config(holding: Holding, instrument: Instrument, name: str, asked: Mapping[str, Any]) -> NetConfig:
    """Return the net with the smaller limits of the two nets files; its type and channel must be the same in both."""
    found = next((config for config in list(holding.users.values()) if config.name == name), None)
    if found is None and holding.nets is not None and name in holding.nets.nets:
        found = holding.nets.nets[name]
    if found is None:
        if "type" not in asked:
            raise NoSuchNet(f"There is no net {printable(name)!r} in the nets file of the script.", "See: lager nets")
        found = _unknown_to_script(instrument, name, asked)
    type = net_type(asked.get("type", found.type))
    if found.instrument.key != instrument.key or (type, _channel(asked, found)) != (found.type, found.channel):
        what = f"In the nets file of the script, {found.name} is {_described(found)}."
        raise InvalidArgument(what, "Use the same nets file as the script.")
    return _limited(found, asked)


def _unknown_to_script(instrument: Instrument, name: str, asked: Mapping[str, Any]) -> NetConfig:
    """Return a net that only the caller's nets file has."""
    config = NetConfig(printable(name), net_type(asked["type"]), instrument)
    config = replace(config, channel=_channel(asked, config))
    family = catalog.find(instrument.model)
    channels = family and config.type in family.drivers and family.channels(instrument.model, config.type)
    if not channels or (config.channel or channels[0]) not in channels:
        where = "" if config.channel is None else f" on channel {config.channel}"
        raise InvalidArgument(f"{instrument} has no net of type {config.type.value}{where}.", "Check your nets file.")
    return config


def _limited(config: NetConfig, asked: Mapping[str, Any]) -> NetConfig:
    limits = config.limits.as_dict()
    for key in LIMITS:
        limit = number(asked[key]) if key in asked else None
        if limit is not None and limit < limits.get(key, float("inf")):
            limits[key] = limit
    options = dict(config.options) | ({"direction": "in"} if asked.get("direction") == "in" else {})
    return replace(config, limits=Limits(**limits), options=options)


def _channel(asked: Mapping[str, Any], config: NetConfig) -> int | None:
    """Return the channel that the caller means; a nets file may omit the number of an only one."""
    channel = asked.get("channel")
    if type(channel) is not int or (channel == 1 and config.channel is None):
        return config.channel
    return channel


def _described(config: NetConfig) -> str:
    channel = "" if config.channel is None else f" on channel {config.channel}"
    return f"a net of type {config.type.value}{channel} of {config.instrument}"


def _action(config: NetConfig, name: str) -> Action:
    actions = ACTIONS[config.type]
    if name not in actions:
        known = f"Give one of {', '.join(actions)}." if actions else "Open it when it is free, or in a console."
        what = f"{printable(name, 40)} is not possible with {config.name} through a pause."
        raise InvalidArgument(what, known)
    return actions[name]


def _check_setting(holding: Holding, config: NetConfig, action: Action, value: object, may_set: bool) -> None:
    if not may_set:
        raise AccessDenied(f"You may only read {config.name}.", "Ask for the action com.lager.instruments.set.")
    opened = [user.name for user in list(holding.users.values())]
    if config.name not in opened:
        what = f"The script does not have {config.name} open, so it can only be read through it."
        raise InvalidArgument(what, f"It has open: {', '.join(opened)}.")
    if value is not None and not action.write:
        raise InvalidArgument(f"{config.name}: this action takes no value.", "")


@contextlib.contextmanager
def held(session: Session, begin: Callable[[], None], check: Callable[[], None], *, as_it_is: bool) -> Iterator[None]:
    """Hold the session for one action, so that the script cannot use it in between."""
    acquire(session, check)
    try:
        begin()
        session.between, session.as_it_is = check if as_it_is else None, as_it_is
        yield
    finally:
        session.between, session.as_it_is = None, False
        session.lock.release()
