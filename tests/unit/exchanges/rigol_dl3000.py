"""Exchanges with a Rigol DL3021 (150 V, 40 A, 200 W), by scenario: a list of (request, reply), None for none.

Written from RIGOL, DL3000 Series Programming Guide, the "Return Format" and "Example" of each command.
"""

IDN = ("*IDN?", "RIGOL TECHNOLOGIES,DL3021,DL3A204800938,00.01.05.00.01")
OPEN = [IDN, ("*CLS", None)]
NO_ERROR = (":SYST:ERR?", '0,"No error"')

SET_MODE = [*OPEN, (":SOUR:FUNC RES", None), NO_ERROR, (":SOUR:FUNC?", "CR")]
SET_CURRENT = [*OPEN, (":SOUR:CURR:LEV:IMM 0.5", None), NO_ERROR, (":SOUR:CURR:LEV:IMM?", "0.500000")]
SET_RESISTANCE = [*OPEN, (":SOUR:RES:LEV:IMM 100", None), NO_ERROR, (":SOUR:RES:LEV:IMM?", "100.000")]
GET_POWER = [*OPEN, (":SOUR:POW:LEV:IMM?", "10.000")]
GET_VOLTAGE = [*OPEN, (":SOUR:VOLT:LEV:IMM?", "15.000")]
ENABLE = [*OPEN, (":SOUR:FUNC?", "CC"), (":SOUR:INP:STAT ON", None), NO_ERROR, (":SOUR:INP:STAT?", "1")]
STATE = [
    *OPEN,
    (":SOUR:FUNC?", "CC"),
    (":SOUR:INP:STAT?", "1"),
    (":SOUR:CURR:LEV:IMM?", "0.500000"),
    (":MEAS:VOLT?", "4.998100"),
    (":MEAS:CURR?", "0.499800"),
    (":MEAS:POW?", "2.498050"),
]
