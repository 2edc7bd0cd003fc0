"""Exchanges with a Siglent SPD3303X, by scenario: a list of (request, reply), None for none.

Written from SIGLENT, SPD3303X/3303X-E Quick Start (QS0503X-E02A), chapter 3 ("Example" and "Typical Return" of each
command).
"""

IDN = ("*IDN?", "Siglent Technologies,SPD3303X,SPD00001130025,1.01.01.01.02,V3.0")
OFF, ON = ("SYST:STAT?", "0x0204"), ("SYST:STAT?", "0x0224")  # CH2; both outputs are independent
OPEN = [IDN, OFF]

SET_VOLTAGE = [*OPEN, ("CH2:VOLT 25", None), ("CH2:VOLT?", "25.000")]
SET_CURRENT = [*OPEN, ("CH2:CURR 0.5", None), ("CH2:CURR?", "0.500")]
ENABLE = [*OPEN, ("OUTP CH2,ON", None), ON]
DISABLE = [*OPEN, ("OUTP CH2,OFF", None), OFF]
# Bit 1: CH2 is in constant current.
STATE = [
    *OPEN,
    ("MEAS:VOLT? CH2", "30.000"),
    ("MEAS:CURR? CH2", "3.000"),
    ("SYST:STAT?", "0x0226"),
    ("CH2:VOLT?", "31.000"),
    ("CH2:CURR?", "3.000"),
]
