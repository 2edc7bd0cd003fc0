"""Rigol DM3068 and DM3058: multimeters, with their measurement commands.

After the RIGOL DM3058/DM3058E/DM3068 Programming Guide, chapter 3.
"""

from collections.abc import Mapping
from typing import ClassVar

from lagerd.bench.models.meters.multimeter import FUNCTIONS, Multimeter
from lagerd.bench.scpi.instrument import command, query


class DM3068(Multimeter):
    model = "DM3068"
    identity = "Rigol Technologies,DM3068,DM3O000000001,01.01.00.01.00"
    names: ClassVar[Mapping[str, str]] = {
        "DCV": "voltage", "ACV": "voltage_ac", "DCI": "current", "ACI": "current_ac", "2WR": "resistance",
        "4WR": "resistance_4w", "FREQ": "frequency", "CONT": "continuity", "DIODE": "diode",
    }  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.unready = 0
        """How many of the next answers report no reading yet, after a function was selected."""
        self._left = 0

    def select(self, function: str) -> None:
        self.function, self._left = function, self.unready

    def value_of(self, function: str) -> str:
        return self.answer() if self.function == function else self.identity.partition(",")[0]

    @query(":FUNCtion")
    def get_function(self) -> str:
        return self.named()

    @query(":MEASure")
    def is_ready(self) -> str:
        self._left -= 1
        return "FALSE" if self._left >= 0 else "TRUE"

    @command(":MEASure")
    def set_range(self, _: object) -> None:
        pass


def _add(function: str, header: str) -> None:
    def select(self: DM3068) -> None:
        self.select(function)

    def value(self: DM3068) -> str:
        return self.value_of(function)

    setattr(DM3068, f"select_{function}", command(f":FUNCtion{header}")(select))
    setattr(DM3068, f"value_{function}", query(f":MEASure{header}")(value))


for _function, _header in zip(
    FUNCTIONS,
    (":VOLTage:DC", ":VOLTage:AC", ":CURRent:DC", ":CURRent:AC", ":RESistance", ":FRESistance", ":FREQuency",
     ":CONTinuity", ":DIODe"),
    strict=True,
):  # fmt: skip
    _add(_function, _header)
DM3068.__init_subclass__()


class DM3058(DM3068):
    model = "DM3058"
    identity = DM3068.identity.replace("DM3068", "DM3058")


class DM3058E(DM3068):
    model = "DM3058E"
    identity = DM3068.identity.replace("DM3068", "DM3058E")
