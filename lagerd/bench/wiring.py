"""Wires the terminals of described instruments together."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from lager.nets.model import NetConfig, NetType
from lagerd.bench.faults import Faults
from lagerd.bench.models.meters.multimeter import Multimeter
from lagerd.bench.physics.circuit import Output, resistor

SOURCES = (NetType.PowerSupply, NetType.Battery, NetType.DAC)
WIRED = (*SOURCES, NetType.ELoad, NetType.ADC, NetType.GPIO, NetType.DMM)
"""The net types with a voltage. A digital line is a source for others only if it drives."""


def output_of(device: Any, channel: int) -> Output | None:
    """Return an output of a supply; None if the instrument has no outputs that can be simulated."""
    outputs = getattr(device, "outputs", None) or [one for one in (getattr(device, "output", None),) if one is not None]
    return outputs[channel - 1] if channel <= len(outputs) and isinstance(outputs[channel - 1], Output) else None


def nothing() -> float | None:
    return None


@dataclass
class Circuit:
    """The devices of a bench, and the wires between them. `settle` computes all operating points again."""

    devices: list[Any]
    faults: list[Faults] = field(default_factory=list)
    _loads: list[Any] = field(default_factory=list)

    def wire(self, ends: Iterable[tuple[NetConfig, Any]], ohms: float | None) -> None:
        """Wire nets, each with its device, together; and to ground through `ohms`, if given."""
        ends = list(ends)
        source = next((found for net, device in ends if (found := _source(net, device)) is not None), None)
        lines = [device.lines[net.channel] for net, device in ends if net.type is NetType.GPIO]
        volts = source or _driven(lines)
        for net, device in ends:
            self._connect(net, device, volts, source)
        for line in lines:
            line.tied += [other for other in lines if other is not line]
        output = next((one for net, device in ends if (one := _output(net, device)) is not None), None)
        if output is not None:
            output.loads += [resistor(ohms)] if ohms else []
            output.loads += [device.draw for net, device in ends if net.type is NetType.ELoad]

    def _connect(
        self, net: NetConfig, device: Any, volts: Callable[[], float | None], source: Callable[[], float] | None
    ) -> None:
        if net.type is NetType.ADC:
            device.inputs[net.channel].source = lambda: volts() or 0.0
        elif net.type is NetType.DMM and isinstance(device, Multimeter):  # not a simulation that a driver brings
            device.sources["voltage"] = lambda: volts() or 0.0
        elif net.type is NetType.ELoad:
            device.terminal = lambda: volts() or 0.0
            self._loads.append(device)
        elif net.type is NetType.GPIO and source is not None:
            device.lines[net.channel].source = source

    def settle(self) -> None:
        for one in self.faults:
            one.begin()
        self._settle_devices()
        tripped = [load.trips() for load in self._loads]
        if any(tripped):
            self._settle_devices()

    def _settle_devices(self) -> None:
        for device in self.devices:
            if settle := getattr(device, "settle", None):
                settle()


def _source(net: NetConfig, device: Any) -> Callable[[], float] | None:
    """Return the voltage of a net that is always a source; None for any other net."""
    channel = net.channel or 0
    if net.type is NetType.DAC:
        return lambda: float(device.dacs[channel])
    if net.type in (NetType.PowerSupply, NetType.Battery):
        output = output_of(device, channel)
        if output is not None:
            return lambda: output.point.volts
        read = getattr(device, "volts", None)  # of a simulation that a driver brings
        return (lambda: float(read(channel))) if read is not None else (lambda: 0.0)
    return None


def _output(net: NetConfig, device: Any) -> Output | None:
    return output_of(device, net.channel or 1) if net.type in (NetType.PowerSupply, NetType.Battery) else None


def _driven(lines: list[Any]) -> Callable[[], float | None]:
    """Return the voltage of digital lines that are wired together: the voltage of the line that is an output."""
    if not lines:
        return nothing
    return lambda: next((line.volts for line in lines if line.output), lines[0].volts)
