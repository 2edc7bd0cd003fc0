"""Exchanges with a Siglent SPD1168X, by scenario: a list of (request, reply), None for none.

Written from SIGLENT, SPD1000X User Manual (UM0501X-E02A), 3.4 ("Example" and "Return Info" of each command).
"""

OPEN = [("*IDN?", "Siglent Technologies,SPD1168X,SPD1XDAD1R0001,2.01.01.06,V1.0")]
OFF, ON = ("SYST:STAT?", "0x0"), ("SYST:STAT?", "0x10")

SET_OVP = [*OPEN, ("OVP 16", None), ("OVP?", "16.000")]
SET_OCP = [*OPEN, ("OCP 5", None), ("OCP?", "5.000")]
RESET = [("OUTP CH1,OFF", None), OFF, ("OUTP:RESE:PROT", None)]
CLEAR = [*OPEN, OFF, *RESET, OFF]
# Nothing has tripped while it is on.
CLEAR_WHILE_ON = [*OPEN, ON]
CLEAR_THAT_SWITCHES_ON = [*OPEN, OFF, *RESET, ON, *RESET[:2]]
# On, four-wire mode, constant voltage.
STATE = [
    *OPEN,
    ("MEAS:VOLT? CH1", "15.000"),
    ("MEAS:CURR? CH1", "3.000"),
    ("SYST:STAT?", "0x0030"),
    ("CH1:VOLT?", "15.000"),
    ("CH1:CURR?", "5.000"),
    ("OVP?", "16.000"),
    ("OCP?", "5.000"),
]
