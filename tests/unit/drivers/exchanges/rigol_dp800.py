"""Exchanges with a Rigol DP821 (CH1 60 V 1 A, CH2 8 V 10 A), by scenario: a list of (request, reply), None for none.

Written from RIGOL, DP800 Series Programming Guide (December 2015), chapter 2, the "Return Format" and "Example" of
each command. The instrument starts each scenario as after *RST with nothing connected, except where a comment says
otherwise.
"""

IDN = ("*IDN?", "RIGOL TECHNOLOGIES,DP821,DP8G212300042,00.01.16")
OPEN = [IDN]
NO_ERROR = (":SYST:ERR?", '0,"No error"')

SET_VOLTAGE = [*OPEN, (":SOUR1:VOLT 3.3", None), NO_ERROR, (":SOUR1:VOLT?", "3.300")]
SET_CURRENT = [*OPEN, (":SOUR2:CURR 1.25", None), NO_ERROR, (":SOUR2:CURR?", "1.2500")]
VOLTAGE_OUT_OF_RANGE = [
    *OPEN,
    (":SOUR1:VOLT 99", None),
    (":SYST:ERR?", '-222,"Data out of range"'),
    NO_ERROR,
]
ENABLE = [*OPEN, (":OUTP CH1,ON", None), NO_ERROR, (":OUTP? CH1", "ON")]
DISABLE = [*OPEN, (":OUTP CH1,OFF", None), NO_ERROR, (":OUTP? CH1", "OFF")]
# 3.3 V into 33 ohms.
MEASURE = [*OPEN, (":MEAS:ALL? CH1", "3.3001,0.1000,0.330")]
SET_OVP = [
    *OPEN,
    (":OUTP:OVP:VAL CH1,8.8", None),
    NO_ERROR,
    (":OUTP:OVP:VAL? CH1", "8.800"),
    (":OUTP:OVP CH1,ON", None),
    NO_ERROR,
    (":OUTP:OVP? CH1", "ON"),
]
SET_OCP = [
    *OPEN,
    (":OUTP:OCP:VAL CH1,0.5", None),
    NO_ERROR,
    (":OUTP:OCP:VAL? CH1", "0.5000"),
    (":OUTP:OCP CH1,ON", None),
    NO_ERROR,
    (":OUTP:OCP? CH1", "ON"),
]
# The output off first; then the reset.
CLEAR_OVP = [
    *OPEN,
    (":OUTP:OVP:QUES? CH1", "YES"),
    *DISABLE[1:],
    (":OUTP:OVP:CLEAR CH1", None),
    NO_ERROR,
    (":OUTP? CH1", "OFF"),
    (":OUTP:OVP:QUES? CH1", "NO"),
]
# The cause of the trip is still there.
CLEAR_OCP_IN_VAIN = [
    *OPEN,
    (":OUTP:OCP:QUES? CH1", "YES"),
    *DISABLE[1:],
    (":OUTP:OCP:CLEAR CH1", None),
    NO_ERROR,
    (":OUTP? CH1", "OFF"),
    (":OUTP:OCP:QUES? CH1", "YES"),
]
# On, 3.3 V into 33 ohms, protections as set above.
STATE = [
    *OPEN,
    (":MEAS:ALL? CH1", "3.3001,0.1000,0.330"),
    (":OUTP? CH1", "ON"),
    (":OUTP:MODE? CH1", "CV"),
    (":SOUR1:VOLT?", "3.300"),
    (":SOUR1:CURR?", "0.2500"),
    (":OUTP:OVP:VAL? CH1", "8.800"),
    (":OUTP:OVP? CH1", "ON"),
    (":OUTP:OVP:QUES? CH1", "NO"),
    (":OUTP:OCP:VAL? CH1", "0.5000"),
    (":OUTP:OCP? CH1", "OFF"),
    (":OUTP:OCP:QUES? CH1", "NO"),
]
