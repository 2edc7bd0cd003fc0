"""Exchanges with a Rigol DP711, by scenario: a list of (request, reply), None for none.

Written from RIGOL, DP700 Programming Guide (June 2016), chapter 2: values have two decimals there.
"""

OPEN = [("*IDN?", "RIGOL TECHNOLOGIES,DP711,DP7A000000001,00.01.05")]
NO_ERROR = (":SYST:ERR?", '0,"No error"')

SET_VOLTAGE = [*OPEN, (":SOUR1:VOLT 3", None), NO_ERROR, (":SOUR1:VOLT?", "3.00")]
SET_OVP = [
    *OPEN,
    (":OUTP:OVP:VAL CH1,33", None),
    NO_ERROR,
    (":OUTP:OVP:VAL? CH1", "33.00"),
    (":OUTP:OVP CH1,ON", None),
    NO_ERROR,
    (":OUTP:OVP? CH1", "ON"),
]
ENABLE = [*OPEN, (":OUTP CH1,ON", None), NO_ERROR, (":OUTP? CH1", "ON")]
CLEAR_OCP = [
    *OPEN,
    (":OUTP:OCP:QUES? CH1", "YES"),
    (":OUTP CH1,OFF", None),
    NO_ERROR,
    (":OUTP? CH1", "OFF"),
    (":OUTP:OCP:CLEAR CH1", None),
    NO_ERROR,
    (":OUTP? CH1", "OFF"),
    (":OUTP:OCP:QUES? CH1", "NO"),
]
