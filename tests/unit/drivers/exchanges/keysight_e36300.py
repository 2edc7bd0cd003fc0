"""Exchanges with a Keysight E36312A (6 V 5 A, 25 V 1 A, 25 V 1 A), by scenario: a list of (request, reply).

Written from Keysight, E36300 Series Triple Output Power Supply Programming Guide, SCPI Programming Reference: numbers
are answered as NR3 (+3.30000000E+00), states as 0 or 1, the empty queue as +0,"No error".
"""

IDN = ("*IDN?", "Keysight Technologies,E36312A,MY59001048,1.0.4-1.0.0-1.04")
OPEN = [IDN, ("OUTP:PAIR?", "OFF"), ("OUTP:COUP:CHAN?", "NONE")]
NO_ERROR = (":SYST:ERR?", '+0,"No error"')

SET_VOLTAGE = [*OPEN, ("VOLT 3.3,(@2)", None), NO_ERROR, ("VOLT? (@2)", "+3.30000000E+00")]
SET_CURRENT = [*OPEN, ("CURR 0.5,(@2)", None), NO_ERROR, ("CURR? (@2)", "+5.00000000E-01")]
ENABLE = [*OPEN, ("OUTP ON,(@2)", None), NO_ERROR, ("OUTP? (@2)", "1")]
SET_OVP = [*OPEN, ("VOLT:PROT 12,(@2)", None), NO_ERROR, ("VOLT:PROT? (@2)", "+1.20000000E+01")]
SET_OCP = [
    *OPEN,
    ("CURR? (@2)", "+5.00000000E-01"),
    ("CURR:PROT:STAT ON,(@2)", None),
    NO_ERROR,
    ("CURR:PROT:STAT? (@2)", "1"),
]
SET_OCP_ELSEWHERE = [*OPEN, ("CURR? (@2)", "+1.00000000E+00")]
DISABLE = [*OPEN, ("OUTP OFF,(@2)", None), NO_ERROR, ("OUTP? (@2)", "0")]
CLEAR_OCP = [
    *OPEN,
    ("CURR:PROT:TRIP? (@2)", "1"),
    *DISABLE[len(OPEN) :],
    ("OUTP:PROT:CLE (@2)", None),
    NO_ERROR,
    ("OUTP? (@2)", "0"),
    ("CURR:PROT:TRIP? (@2)", "0"),
]
# The reset switched the output on in spite of that.
CLEAR_THAT_SWITCHES_ON = [
    *CLEAR_OCP[:-2],
    ("OUTP? (@2)", "1"),
    *DISABLE[len(OPEN) :],
]
STATE = [
    *OPEN,
    ("MEAS:VOLT? (@2)", "+3.30012000E+00"),
    ("MEAS:CURR? (@2)", "+1.00010000E-01"),
    ("CURR? (@2)", "+5.00000000E-01"),
    ("OUTP? (@2)", "1"),
    ("VOLT? (@2)", "+3.30000000E+00"),
    ("VOLT:PROT? (@2)", "+1.20000000E+01"),
    ("VOLT:PROT:TRIP? (@2)", "0"),
    ("CURR:PROT:STAT? (@2)", "1"),
    ("CURR:PROT:TRIP? (@2)", "0"),
]
