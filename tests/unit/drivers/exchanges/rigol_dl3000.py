"""Exchanges with a Rigol DL3021 (150 V, 40 A, 200 W), by scenario: a list of (request, reply), None for none.

Written from RIGOL, DL3000 Series Programming Guide, the "Return Format" and "Example" of each command.
"""

IDN = ("*IDN?", "RIGOL TECHNOLOGIES,DL3021,DL3A204800938,00.01.05.00.01")
OPEN = [IDN]
NO_ERROR = (":SYST:ERR?", '0,"No error"')

FIXED = (":SOUR:FUNC:MODE?", "FIX")


def level(function: str, value: str, answer: str) -> list[tuple[str, str | None]]:
    """Sets a level; nothing but the four modes rules the input, and another mode is selected so far."""
    mode = {"CURR": "CC", "VOLT": "CV", "RES": "CR", "POW": "CP"}[function]
    other = "CV" if mode == "CC" else "CC"
    return [
        (f":SOUR:{function}:LEV:IMM {value}", None),
        NO_ERROR,
        (f":SOUR:{function}:LEV:IMM?", answer),
        (":SOUR:FUNC?", other),
        (f":SOUR:FUNC {function}", None),
        NO_ERROR,
        (":SOUR:FUNC?", mode),
    ]


def hold(register: str, stands: str, value: str, answer: str, most: str) -> list[tuple[str, str | None]]:
    """Lowers a limit register of a mode."""
    return [
        (f":SOUR:{register}?", stands),
        (f":SOUR:{register}? MAX", most),
        (f":SOUR:{register} {value}", None),
        NO_ERROR,
        (f":SOUR:{register}?", answer),
    ]


SET_MODE = [
    *OPEN,
    FIXED,
    (":SOUR:RES:LEV:IMM?", "100.000"),
    (":SOUR:FUNC?", "CC"),
    (":SOUR:FUNC RES", None),
    NO_ERROR,
    (":SOUR:FUNC?", "CR"),
]
SET_CURRENT = [*OPEN, FIXED, *level("CURR", "0.5", "0.500000")]
SET_RESISTANCE = [*OPEN, FIXED, *level("RES", "100", "100.000")]
# With max_current = 0.1: the current limit of mode CR, before its level and the mode.
SET_RESISTANCE_HELD = [*OPEN, FIXED, *hold("RES:ILIM", "40", "0.1", "0.1", "40"), *level("RES", "1", "1.000")]
GET_POWER = [*OPEN, (":SOUR:POW:LEV:IMM?", "10.000")]
GET_VOLTAGE = [*OPEN, (":SOUR:VOLT:LEV:IMM?", "15.000")]
ENABLE = [
    *OPEN,
    FIXED,
    (":SOUR:FUNC?", "CC"),
    (":SOUR:CURR:LEV:IMM?", "0.500000"),
    (":SOUR:INP:STAT ON", None),
    NO_ERROR,
    (":SOUR:INP:STAT?", "1"),
]
STATE = [
    *OPEN,
    (":SOUR:FUNC?", "CC"),
    (":SOUR:INP:STAT?", "1"),
    (":SOUR:CURR:LEV:IMM?", "0.500000"),
    (":MEAS:VOLT?", "4.998100"),
    (":MEAS:CURR?", "0.499800"),
    (":MEAS:POW?", "2.498050"),
]
