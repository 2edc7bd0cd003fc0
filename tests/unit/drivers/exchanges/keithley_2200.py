"""Exchanges with a Keithley 2200-20-5, by scenario: a list of (request, reply), None for none.

Written from Keithley, Series 2200 Programmable DC Power Supplies Reference Manual (2200S-901-01), section 4 ("Returns"
and "Examples" of each command) and appendix C (operation condition register).
"""

IDN = ("*IDN?", "Keithley instruments, 2200-20-5, 1359014, 1.26-1.23")
OPEN = [IDN]
NO_ERROR = (":SYST:ERR?", '0,"No Error"')

SET_VOLTAGE = [*OPEN, ("VOLT 3.3", None), NO_ERROR, ("VOLT?", "3.3000")]
SET_OVP = [
    *OPEN,
    ("VOLT:PROT 20", None),
    NO_ERROR,
    ("VOLT:PROT?", "20"),
    ("VOLT:PROT:STAT ON", None),
    NO_ERROR,
    ("VOLT:PROT:STAT?", "1"),
]
DISABLE = [*OPEN, ("OUTP OFF", None), NO_ERROR, ("OUTP?", "0")]
# Bit 0 of the questionable condition register is over voltage.
CLEAR_OVP = [
    *OPEN,
    ("STAT:QUES:COND?", "1"),
    *DISABLE[1:],
    ("OUTP:PROT:CLE", None),
    NO_ERROR,
    ("OUTP?", "0"),
    ("STAT:QUES:COND?", "0"),
]
ENABLE = [*OPEN, ("OUTP ON", None), NO_ERROR, ("OUTP?", "1")]
# On, 5 V into 50 ohms: constant voltage is bit 2.
STATE = [
    *OPEN,
    ("MEAS:VOLT?", "5.0011"),
    ("MEAS:CURR?", "0.10002"),
    ("MEAS:POW?", "0.5002"),
    ("OUTP?", "1"),
    ("STAT:OPER:COND?", "4"),
    ("VOLT?", "5.0000"),
    ("CURR?", "2.0000"),
    ("VOLT:PROT?", "20"),
    ("VOLT:PROT:STAT?", "1"),
    ("STAT:QUES:COND?", "0"),
]
