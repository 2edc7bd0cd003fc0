"""Drives the supplies Rigol DP711 and DP712: one output each, on RS-232 alone (9600 baud, 8N1 as delivered).

RIGOL, DP700 Programming Guide (June 2016), chapter 2: `[:SOURce[<n>]]:VOLTage`, `[:SOURce[<n>]]:CURRent`,
`:OUTPut[:STATe]`, `:OUTPut:OVP:*`, `:OUTPut:OCP:*`, `:OUTPut:MODE?`, `:MEASure:ALL?` and `:SYSTem:ERRor?`. They are the
commands of a DP800, in steps of 10 mV and 10 mA. It has one channel, so nothing can be coupled.
"""

from lager.instruments.drivers.supplies import rigol_dp800


class Supply(rigol_dp800.Supply):
    def check(self) -> None:
        """Do nothing: the supply has one channel, which cannot be coupled."""
