"""Keithley 2281S-20-6, as a power supply and as a battery simulator: one instrument, one role at a time.

The source of the facts is Keithley, Model 2281S-20-6 Precision DC Power Supply and Battery Simulator Reference Manual
(077114601, March 2019), section 7. A measurement answers as many elements as `:FORMat:ELEMents` says, by default
readings with their units: `+1.500000E+00A,+3.299153E+00V,+3.369820E+05s`.
"""

from lager.instruments.drivers.batteries.keithley_2281s.battery import Battery
from lager.instruments.drivers.batteries.keithley_2281s.supply import Supply

__all__ = ["Battery", "Supply"]
