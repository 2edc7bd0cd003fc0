"""The 2281S, as a battery and as a supply: its two roles, and what is refused for the safety of what it powers."""

import pytest

from lager.drivers.replay import playing
from lager.errors import BadReply, InstrumentError, InvalidArgument, LimitExceeded, OtherRole, Rejected
from tests.unit.drivers.exchanges import keithley_2281s as smu
from tests.unit.drivers.families import BATTERY, CELL, LEVELS, NOT_TRIPPED, SMU, Script, Uninterrupted

WORDS = [("ON", True), ("1", True), ("OFF", False), ("0", False), ("DIS", False), ("DISABLE", False), ("2", False)]


@pytest.mark.parametrize(("word", "on"), WORDS)
def test_every_word_of_the_manual_is_read_as_the_output_of_a_battery(word: str, on: bool) -> None:
    with CELL.playing(CELL.switched("OFF", word)) as battery:
        if on:
            with pytest.raises(Rejected):
                battery.disable()
        else:
            battery.disable()


UNITS = [
    ("soc", ":BATT:SIM:SOC?", "%"),
    ("voc", ":BATT:SIM:VOC?", "V"),
    ("capacity", ":BATT:SIM:CAP:LIM?", "Ah"),
    ("current_limit", ":BATT:SIM:CURR:LIM?", "A"),
    ("esr", ":BATT:SIM:RES?", "Ohm"),
    ("terminal_voltage", ":BATT:SIM:TVOL?", "V"),
    ("current", ":BATT:SIM:CURR?", "A"),
]


@pytest.mark.parametrize(("method", "question", "unit"), UNITS)
def test_a_reading_of_a_battery_is_taken_in_its_own_unit_only(method: str, question: str, unit: str) -> None:
    with CELL.playing([(question, f"1.5{unit}")]) as battery:
        assert getattr(battery, method)() == 1.5
    for answer, said in (("1.5W", f"no reading in {unit}"), ("-9.9E37", "no valid reading"), ("OVER", "not a reading")):
        with CELL.playing([(question, answer)]) as battery, pytest.raises(BadReply, match=said):
            getattr(battery, method)()


@pytest.mark.parametrize(("method", "unit"), [("voltage", "V"), ("current", "A")])
def test_a_reading_of_a_2281s_is_taken_in_its_own_unit_only(method: str, unit: str) -> None:
    question = f":MEAS:{method[:4].upper()}?"
    for answer, said in (("1.5W", f"no reading in {unit}"), (f"-9.9E37{unit}", "no valid reading")):
        with SMU.playing([(question, answer)]) as supply, pytest.raises(BadReply, match=said):
            getattr(supply, method)()


@pytest.mark.parametrize(
    ("word", "mode"), [("STAT", "static"), ("STATIC", "static"), ("DYN", "dynamic"), ("DYNAMIC", "dynamic")]
)
def test_the_mode_of_a_battery_is_read_in_every_form(word: str, mode: str) -> None:
    with CELL.playing([(":BATT:SIM:METH?", word)]) as battery:
        assert battery.mode() == mode
    command = f":BATT:SIM:METH {'STAT' if mode == 'static' else 'DYN'}"
    with CELL.playing([NOT_TRIPPED, *CELL.tell(command), (":BATT:SIM:METH?", word)]) as battery:
        session = Uninterrupted(battery)
        assert battery.mode(word.lower()) == mode
        assert session.times == 1


def test_a_battery_that_keeps_its_mode_says_so() -> None:
    script = [NOT_TRIPPED, *CELL.tell(":BATT:SIM:METH STAT"), (":BATT:SIM:METH?", "DYN")]
    with CELL.playing(script) as battery, pytest.raises(Rejected, match=r"':BATT:SIM:METH static'.*dynamic"):
        battery.mode("static")
    tripped = [(":BATT:OUTP:PROT:TRIP?", "OVP"), (":BATT:SIM:TVOL:PROT?", "4.5")]
    with CELL.playing(tripped) as battery, pytest.raises(Rejected, match=r"OVP tripped at 4\.5 V"):
        battery.mode("static")


@pytest.mark.parametrize(
    ("trip", "level", "said"),
    [
        ("OCP", [(":BATT:SIM:CURR:PROT?", "1.5")], "OCP tripped at 1.5 A"),
        ("OVP", [(":BATT:SIM:TVOL:PROT?", "4.2")], "OVP tripped at 4.2 V"),
        ("OVP", [(":BATT:SIM:TVOL:PROT?", "garbled")], "OVP tripped"),
        ("OTP", [], "OTP (over-temperature) tripped"),
        ("RVS", [], "RVS (sense leads reversed) tripped"),
        ("OPS", [], "OPS (sense leads open) tripped"),
    ],
)
def test_a_battery_that_has_tripped_takes_nothing_and_one_that_trips_says_so(
    trip: str, level: Script, said: str
) -> None:
    tripped = [(":BATT:OUTP:PROT:TRIP?", trip), *level]
    for script in (tripped, [*LEVELS["battery soc"].script(50), *tripped]):
        with CELL.playing(script) as battery, pytest.raises(Rejected) as caught:
            battery.soc(50)
        assert caught.value.what == f"it: {said}, and the output is off."
        assert caught.value.hint == "Remove the cause, then type: lager battery it clear"
    supply = [*SMU.tell(":OUTP ON"), (":OUTP?", "0"), *_of_supply(tripped)]
    with SMU.playing(supply) as net, pytest.raises(Rejected) as caught:
        net.enable()
    assert caught.value.what == f"it: {said}, so the output stays off."


def _of_supply(script: Script) -> Script:
    spelled = {":BATT:OUTP:": ":OUTP:", ":BATT:SIM:TVOL:": ":VOLT:", ":BATT:SIM:CURR:": ":CURR:"}
    return [(next(new + ask.removeprefix(old) for old, new in spelled.items() if ask.startswith(old)), told)
            for ask, told in script]  # fmt: skip


def protected(command: str, before: str, level: str) -> Script:
    return [
        (f":BATT:SIM:{command}?", before),
        *CELL.tell(f":BATT:SIM:{command} {level}"),
        (f":BATT:SIM:{command}?", level),
    ]


GUARDS = {
    "voltage": ("max_voltage", ":BATT:SIM:VOC?", "TVOL:PROT", 0.5, 21),
    "current": ("max_current", ":BATT:SIM:CURR:LIM?", "CURR:PROT", 0.1, 6.1),
}


@pytest.mark.parametrize("quantity", GUARDS)
def test_a_battery_is_turned_on_behind_the_protection_of_each_limit_alone(quantity: str) -> None:
    key, question, command, low, high = GUARDS[quantity]
    on = CELL.switched("ON", "1")
    for limit, level in ((low, low), (2, 2), (2.345, 2.34), (high, high), (high + 5, high)):
        script = [NOT_TRIPPED, (question, "0.05"), *protected(command, "21.5", f"{level:g}"), *on]
        with CELL.playing(script, f"{key} = {limit}") as battery:
            session = Uninterrupted(battery)
            battery.enable()
            assert session.times == 1
    for kept in ("2", "0.7"):  # a level below the limit may have been set with ovp() or ocp()
        script = [NOT_TRIPPED, (question, "0.05"), (f":BATT:SIM:{command}?", kept), *on]
        with CELL.playing(script, f"{key} = 2") as battery:
            battery.enable()
    over = pytest.raises(LimitExceeded, match=r"2\.1 . is over its limit of 2")
    with CELL.playing([NOT_TRIPPED, (question, "2.1")], f"{key} = 2") as battery, over:
        battery.enable()
    below = low - 0.01
    with CELL.playing([NOT_TRIPPED, (question, "0.05")], f"{key} = {below}") as battery:
        with pytest.raises(LimitExceeded, match=f"limit is {below:g}") as caught:
            battery.enable()
        assert f"max_{quantity} of [nets.it]" in caught.value.hint
    near = [*protected(command, "2.1", "2")[:-1], (f":BATT:SIM:{command}?", "2.01")]
    with CELL.playing([NOT_TRIPPED, (question, "0.05"), *near], f"{key} = 2") as battery, pytest.raises(LimitExceeded):
        battery.enable()
    far = [*protected(command, "2.1", "2")[:-1], (f":BATT:SIM:{command}?", "1.985")]
    with CELL.playing([NOT_TRIPPED, (question, "0.05"), *far], f"{key} = 2") as battery, pytest.raises(Rejected):
        battery.enable()


def test_a_battery_that_has_tripped_is_not_turned_on() -> None:
    with CELL.playing([(":BATT:OUTP:PROT:TRIP?", "RVS")]) as battery, pytest.raises(Rejected, match=r"RVS .*tripped"):
        battery.enable()


def test_an_open_circuit_voltage_is_never_rounded_over_its_limit() -> None:
    level = LEVELS["battery voc"]
    lower = [NOT_TRIPPED, *CELL.tell(":BATT:SIM:VOC 3.69"), (":BATT:SIM:VOC?", "3.7"), NOT_TRIPPED]
    with CELL.playing([*level.script(3.71), NOT_TRIPPED, *lower], "max_voltage = 3.7") as battery:
        session = Uninterrupted(battery)
        assert battery.voc(3.7) == 3.7
        assert session.times == 1


def charge(percent: float) -> Script:
    return [NOT_TRIPPED, *CELL.tell(f":BATT:SIM:SOC {percent:g}"), (":BATT:SIM:SOC?", f"{percent:g}"), NOT_TRIPPED]


def test_a_charge_whose_voltage_is_over_the_limit_is_taken_back() -> None:
    before: Script = [(":BATT:SIM:SOC?", "40"), (":BATT:OUTP?", "0")]
    over = [*before, *charge(50), (":BATT:SIM:VOC?", "4.1"), *charge(40)]
    with CELL.playing(over, "max_voltage = 4") as battery:
        session = Uninterrupted(battery)
        with pytest.raises(LimitExceeded, match=r"4\.1 V is over its limit of 4 V"):
            battery.soc(50)
        assert session.times == 1
    with CELL.playing([*before, *charge(50), (":BATT:SIM:VOC?", "4")], "max_voltage = 4") as battery:
        assert battery.soc(50) == 50
    less: Script = [(":BATT:SIM:SOC?", "60"), *charge(50), (":BATT:SIM:VOC?", "4.1")]
    with CELL.playing(less, "max_voltage = 4") as battery:
        assert battery.soc(50) == 50
    same: Script = [(":BATT:SIM:SOC?", "50"), *charge(50), (":BATT:SIM:VOC?", "4.1")]
    with CELL.playing(same, "max_voltage = 4") as battery:
        assert battery.soc(50) == 50


@pytest.mark.parametrize(("most", "fits"), [("4", True), ("4.1", False)])
def test_a_running_battery_is_charged_only_where_no_charge_is_over_the_limit(most: str, fits: bool) -> None:
    script: Script = [(":BATT:SIM:SOC?", "40"), (":BATT:OUTP?", "1"), (":BATT:SIM:VOC? MAX", most)]
    if fits:
        with CELL.playing([*script, *charge(50), (":BATT:SIM:VOC?", "3.9")], "max_voltage = 4") as battery:
            assert battery.soc(50) == 50
    else:
        with (
            CELL.playing(script, "max_voltage = 4") as battery,
            pytest.raises(LimitExceeded, match="Disable the output"),
        ):
            battery.soc(50)


ROLES = [
    ("POWER", "POWER"), ("POW", "POWER"), ("TEST", "TEST"), ("SIMULATOR", "SIMULATOR"), ("SIM", "SIMULATOR"),
    ("power", "POWER"),
]  # fmt: skip


WORKS_AS = {"POWER": "supply", "TEST": "battery test", "SIMULATOR": "battery"}


@pytest.mark.parametrize(("word", "role"), ROLES)
@pytest.mark.parametrize(("lines", "own"), [("type = 'supply'", "POWER"), (BATTERY, "SIMULATOR")])
def test_a_2281s_takes_the_role_of_its_net_for_a_setting_and_only_while_the_other_output_is_off(
    word: str, role: str, lines: str, own: str
) -> None:
    family, current = (SMU, ":MEAS:CURR?") if own == "POWER" else (CELL, ":BATT:SIM:CURR?")
    asked: Script = [*smu.OPEN, (":ENTR:FUNC?", word)]
    read = (current, "+1.000000E-01A,+3.300000E+00V,+1.100000E+00s")
    off = [*family.tell(family.switch.format("OFF")), (family.is_on, family.off)]
    if role == own:
        with playing([*asked, read, *off], "2281S", lines) as net:
            assert net.current() == 0.1
            net.disable()
        return
    output = ":OUTP?" if role == "POWER" else ":BATT:OUTP?"
    opened: Script = [*asked, (output, "0"), read]
    entering = [(":ENTR:FUNC?", word), (output, "0"), *SMU.tell(f":ENTR:FUNC {own}")]
    with playing([*opened, *entering, (":ENTR:FUNC?", own), *off, *off], "2281S", lines) as net:
        assert net.current() == 0.1
        net.disable()
        net.disable()
    busy = pytest.raises(InstrumentError, match=f"as a {WORKS_AS[role]}[ ,]")
    with busy, playing([*asked, (output, "1")], "2281S", lines):
        pass
    with playing([*opened, (":ENTR:FUNC?", word), (output, "1")], "2281S", lines) as net:
        net.current()
        with busy:
            net.disable()
    vain = pytest.raises(Rejected, match=f"':ENTR:FUNC {own}'.*{role}")
    with playing([*opened, *entering, (":ENTR:FUNC?", word)], "2281S", lines) as net:
        net.current()
        with vain:
            net.disable()


SETTINGS: dict[str, list[str | float]] = {
    "enable": [], "disable": [], "clear": [], "mode": ["static"], "soc": [50], "voc": [3.7], "capacity": [1],
    "current_limit": [1], "esr": [1], "set_voltage": [3], "set_current": [1], "set_ovp": [5], "set_ocp": [1],
    "clear_ovp": [], "clear_ocp": [],
}  # fmt: skip


@pytest.mark.parametrize("method", SETTINGS)
@pytest.mark.parametrize(("lines", "own"), [("type = 'supply'", "POWER"), (BATTERY, "SIMULATOR")])
def test_every_setting_enters_the_role_first(method: str, lines: str, own: str) -> None:
    other, output = ("SIM", ":BATT:OUTP?") if own == "POWER" else ("POW", ":OUTP?")
    opened: Script = [*smu.OPEN, (":ENTR:FUNC?", other), (output, "0")]
    refused = [(":ENTR:FUNC?", other), (output, "1")]
    with playing([*opened], "2281S", lines) as net:
        if not hasattr(net, method):
            return
    limited = f"{lines}\nmax_voltage = 4"
    with (
        playing([*opened, *refused], "2281S", limited) as net,
        pytest.raises(InstrumentError, match="its output is on"),
    ):
        getattr(net, method)(*SETTINGS[method])


def test_a_battery_that_takes_a_voltage_above_the_limit_is_switched_off() -> None:
    def told(volts: str, readback: str) -> Script:
        return [NOT_TRIPPED, *CELL.tell(f":BATT:SIM:VOC {volts}"), (":BATT:SIM:VOC?", readback), NOT_TRIPPED]

    for readback, error in (("4.000009", LimitExceeded), ("4.2", Rejected)):
        wrong = [*told("4", "4.01"), *told("3.99", readback)]
        script = [*wrong, (":BATT:SIM:VOC?", readback), *CELL.switched("OFF", "0")]
        with CELL.playing(script, "max_voltage = 4") as battery, pytest.raises(error):
            battery.voc(4)
    lower = [*told("3.9", "3.8"), (":BATT:SIM:VOC?", "3.8")]
    with CELL.playing(lower, "max_voltage = 4") as battery, pytest.raises(Rejected):
        battery.voc(3.9)


SETS = {
    "mode": ("mode",), "soc": ("soc", "voc"), "voc": ("voc", "soc", "output"), "capacity": ("capacity",),
    "current_limit": ("current_limit",), "esr": ("esr_offset",), "enable": ("ovp", "ocp", "output"),
    "disable": ("output",), "clear": ("output",), "clear_ovp": ("output",), "clear_ocp": ("output",),
    "set_mode_battery": (), "voltage_full": ("voltage_full",), "voltage_empty": ("voltage_empty",), "ovp": ("ovp",),
    "ocp": ("ocp",), "model": ("model", "voltage_full", "voltage_empty", "soc", "voc"),
}  # fmt: skip


@pytest.mark.parametrize("method", SETS)
def test_each_method_of_a_battery_names_the_settings_that_it_changes(method: str) -> None:
    with CELL.playing([]) as battery:
        assert battery.sets(method) == SETS[method]


MODELS = [
    (1, "1"), (9, "9"), ("18650", "1"), ("Li-Ion", "1"), ("nimh", "2"), ("nicd", "3"), ("lead-acid", "4"),
    ("LI_ION4_2", "LI_ION4_2"), ("nimh1-2", "NIMH1_2"), ("NICD1_2", "NICD1_2"), ("Lead-Acid12", "LEAD_ACID12"),
    ("nimh12", "NIMH12"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "sent"), MODELS)
def test_a_battery_model_is_loaded_by_each_of_its_names_and_read_back(value: object, sent: str) -> None:
    script = [NOT_TRIPPED, *CELL.tell(f":BATT:MOD:RCL {sent}")]
    with CELL.playing([*script, (":BATT:MOD:RCL?", sent.lower().replace("_", "-"))]) as battery:
        session = Uninterrupted(battery)
        assert battery.model(value) == sent.lower().replace("_", "-")
        assert session.times == 1
    wrong = pytest.raises(Rejected, match=f"':BATT:MOD:RCL {sent}'.*7")
    with CELL.playing([*script, (":BATT:MOD:RCL?", "7")]) as battery, wrong:
        battery.model(value)


@pytest.mark.parametrize("value", [10, 99, -1, "", "NIMH1", True, 1.0, "5 ", b"1"])
def test_what_is_no_battery_model_is_never_sent(value: object) -> None:
    if value == "5 ":
        with CELL.playing([NOT_TRIPPED, *CELL.tell(":BATT:MOD:RCL 5"), (":BATT:MOD:RCL?", "5")]) as battery:
            assert battery.model(value) == "5"
        return
    with CELL.playing([]) as battery, pytest.raises(InvalidArgument, match="is not a battery model"):
        battery.model(value)


def test_a_battery_that_has_tripped_loads_no_model_and_discharge_keeps_it(capsys: pytest.CaptureFixture[str]) -> None:
    with CELL.playing([(":BATT:OUTP:PROT:TRIP?", "OTP")]) as battery, pytest.raises(Rejected, match="OTP"):
        battery.model(2)
    for word in ("discharge", "0", 0):
        with CELL.playing([(":BATT:MOD:RCL?", "4")]) as battery:
            assert battery.model(word) == "4"
        assert "it keeps its battery model 4: only the front panel selects discharge" in capsys.readouterr().err


def test_a_reader_is_told_of_the_other_role_and_enters_none() -> None:
    with CELL.playing([(":ENTR:FUNC?", "SIM"), (":ENTR:FUNC?", "POW")]) as battery:
        battery.check()
        with pytest.raises(OtherRole, match="works as a supply, not as a battery"):
            battery.check()
    off = [*CELL.tell(":BATT:OUTP OFF"), (":BATT:OUTP?", "0")]
    opened: Script = [*smu.OPEN, (":ENTR:FUNC?", "POW"), (":OUTP?", "0")]
    with playing([*opened, (":ENTR:FUNC?", "SIM"), *off], "2281S", BATTERY) as battery:
        battery.check()
        battery.disable()
    with playing(
        [*opened, (":ENTR:FUNC?", "POW"), (":OUTP?", "0"), (":ENTR:FUNC?", "SIM")], "2281S", BATTERY
    ) as battery:
        session = Uninterrupted(battery)
        assert battery.is_in_role() is False
        assert session.times == 1
        assert battery.is_in_role() is True
