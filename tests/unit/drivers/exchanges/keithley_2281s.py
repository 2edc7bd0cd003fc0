"""Exchanges with a Keithley 2281S-20-6, by scenario: a list of (request, reply), None for none.

Written from Keithley, Model 2281S-20-6 Reference Manual (077114601, March 2019), section 7, the examples of each
command; a measurement answers with the elements READ, UNIT and REL of :FORMat:ELEMents.
"""

IDN = ("*IDN?", "KEITHLEY INSTRUMENTS,MODEL 2281S-20-6,4412345,01.08b")
OPEN = [IDN]
NO_ERROR = (":SYST:ERR?", '0,"No error"')
OPEN_SUPPLY = [*OPEN, (":ENTR:FUNC?", "POWER")]
OPEN_BATTERY = [*OPEN, (":ENTR:FUNC?", "SIMULATOR")]

# It was the other one before, with its output off.
OPEN_BATTERY_AS_SUPPLY = [*OPEN, (":ENTR:FUNC?", "POWER"), (":OUTP?", "0")]
BECOME_BATTERY = [
    (":ENTR:FUNC?", "POWER"),
    (":OUTP?", "0"),
    (":ENTR:FUNC SIMULATOR", None),
    NO_ERROR,
    (":ENTR:FUNC?", "SIMULATOR"),
]
BECOME_SUPPLY_IN_VAIN = [*OPEN, (":ENTR:FUNC?", "SIMULATOR"), (":BATT:OUTP?", "1")]

MEASURE_VOLTAGE = [*OPEN_SUPPLY, (":MEAS:VOLT?", "+1.500000E+00A,+3.299153E+00V,+3.369820E+05s")]
SET_VOLTAGE = [*OPEN_SUPPLY, (":VOLT 3.3", None), NO_ERROR, (":VOLT?", "3.300000")]
SUPPLY_STATE = [
    *OPEN_SUPPLY,
    (":MEAS:VOLT?", "+1.000000E-01A,+3.300000E+00V,+1.000000E+00s"),
    (":MEAS:CURR?", "+1.000000E-01A,+3.300000E+00V,+1.100000E+00s"),
    (":OUTP:PROT:TRIP?", "NONE"),
    (":OUTP?", "1"),
    (":VOLT?", "3.300000"),
    (":CURR?", "0.500000"),
    (":VOLT:PROT?", "21.000000"),
    (":CURR:PROT?", "6.100000"),
]
DISABLE = [*OPEN_SUPPLY, (":OUTP OFF", None), NO_ERROR, (":OUTP?", "0")]
CLEAR_OVP = [
    *OPEN_SUPPLY,
    (":OUTP:PROT:TRIP?", "OVP"),
    *DISABLE[2:],
    (":OUTP:PROT:CLE", None),
    NO_ERROR,
    (":OUTP?", "0"),
    (":OUTP:PROT:TRIP?", "NONE"),
]
CLEAR_OVP_IN_VAIN = [*CLEAR_OVP[:-1], (":OUTP:PROT:TRIP?", "OVP")]

NOT_TRIPPED = (":BATT:OUTP:PROT:TRIP?", "NONE")
SET_SOC = [*OPEN_BATTERY, NOT_TRIPPED, (":BATT:SIM:SOC 50", None), NO_ERROR, (":BATT:SIM:SOC?", "50"), NOT_TRIPPED]
SET_VOC = [*OPEN_BATTERY, NOT_TRIPPED, (":BATT:SIM:VOC 3.7", None), NO_ERROR, (":BATT:SIM:VOC?", "3.7"), NOT_TRIPPED]
SET_MODE = [*OPEN_BATTERY, NOT_TRIPPED, (":BATT:SIM:METH STAT", None), NO_ERROR, (":BATT:SIM:METH?", "STAT")]
SET_CAPACITY = [
    *OPEN_BATTERY,
    NOT_TRIPPED,
    (":BATT:SIM:CAP:LIM 5", None),
    NO_ERROR,
    (":BATT:SIM:CAP:LIM?", "5"),
    NOT_TRIPPED,
]
SET_CURRENT_LIMIT = [
    *OPEN_BATTERY,
    NOT_TRIPPED,
    (":BATT:SIM:CURR:LIM 1", None),
    NO_ERROR,
    (":BATT:SIM:CURR:LIM?", "1"),
    NOT_TRIPPED,
]
SET_ESR = [
    *OPEN_BATTERY,
    NOT_TRIPPED,
    (":BATT:SIM:RES:OFFS 1", None),
    NO_ERROR,
    (":BATT:SIM:RES:OFFS?", "1"),
    NOT_TRIPPED,
]
# The output is on: "Not permitted while battery model is running" (7-38).
SET_CAPACITY_WHILE_RUNNING = [
    *OPEN_BATTERY,
    NOT_TRIPPED,
    (":BATT:SIM:CAP:LIM 5", None),
    (":SYST:ERR?", '704,"Not permitted while battery model is running"'),
    NO_ERROR,
]
BATTERY_ENABLE = [*OPEN_BATTERY, NOT_TRIPPED, (":BATT:OUTP ON", None), NO_ERROR, (":BATT:OUTP?", "1")]
# With limits of 4.2 V and 1 A, of which the protections stand at their defaults.
BATTERY_ENABLE_WITH_LIMITS = [
    *OPEN_BATTERY,
    NOT_TRIPPED,
    (":BATT:SIM:VOC?", "3.7"),
    (":BATT:SIM:TVOL:PROT?", "21"),
    (":BATT:SIM:TVOL:PROT 4.2", None),
    NO_ERROR,
    (":BATT:SIM:TVOL:PROT?", "4.2"),
    (":BATT:SIM:CURR:LIM?", "0.1"),
    (":BATT:SIM:CURR:PROT?", "6.1"),
    (":BATT:SIM:CURR:PROT 1", None),
    NO_ERROR,
    (":BATT:SIM:CURR:PROT?", "1"),
    (":BATT:OUTP ON", None),
    NO_ERROR,
    (":BATT:OUTP?", "1"),
]
BATTERY_STATE = [
    *OPEN_BATTERY,
    (":BATT:OUTP?", "1"),
    (":BATT:SIM:METH?", "DYN"),
    (":BATT:SIM:SOC?", "95.50"),
    (":BATT:SIM:VOC?", "4.1"),
    (":BATT:SIM:TVOL?", "+4.010000E+00"),
    (":BATT:SIM:CURR?", "+8.034562E-03"),
    (":BATT:SIM:RES?", "1.52"),
    (":BATT:SIM:RES:OFFS?", "0"),
    (":BATT:SIM:CAP:LIM?", "5"),
    (":BATT:SIM:CURR:LIM?", "1"),
    (":BATT:OUTP:PROT:TRIP?", "NONE"),
]
