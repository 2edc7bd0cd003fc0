"""What real instruments answer, by every way that there is: generously read where nothing can be misread."""

from collections.abc import Callable
from typing import Any

import pytest

from lager.drivers.replay import Leases, bench, playing
from lager.errors import BadReply, WrongModel
from lager.instruments.net import Net
from lager.instruments.sessions import parse
from lager.nets import catalog
from lager.nets.model import NetType
from lagerd.bench.models.loads.rigol_dl3000 import DL3021
from tests.unit.bench.transports.vxi11instrument import Vxi11Instrument
from tests.unit.drivers.exchanges import rigol_dl3000 as dl3000
from tests.unit.drivers.exchanges import rigol_dp800 as dp800
from tests.unit.drivers.families import FAMILIES

CH1 = "type = 'supply'\nchannel = 1"
LOAD = "type = 'eload'"


def stray(script: list[Any], behind: bytes = b"0") -> list[Any]:
    """The same exchange with something behind the line of each reply."""
    return [(question, reply if reply is None else f"{reply}\n".encode() + behind) for question, reply in script]


def late(script: list[Any]) -> list[Any]:
    """The same, where what is behind one line comes with the next."""
    return [(question, reply if reply is None else f"0{reply}\n".encode()) for question, reply in script]


@pytest.mark.parametrize("told", [stray, late])
def test_a_dl3021_that_sends_a_0_behind_each_line_is_understood(told: Callable[[list[Any]], list[Any]]) -> None:
    with playing(told(dl3000.STATE), "DL3021", LOAD) as load:
        state = load.state()
    assert (state.enabled, state.mode, state.level, state.voltage) == (True, "CC", 0.5, 4.9981)


@pytest.mark.parametrize("behind", [b"\r", b"\0", b"\n", b"\r\n"])
def test_ends_of_lines_behind_a_line_are_no_answer(behind: bytes) -> None:
    with playing(stray(dp800.SET_VOLTAGE, behind), "DP821", CH1) as supply:
        assert supply.set_voltage(3.3) == 3.3


@pytest.mark.parametrize(("model", "behind"), [("DP821", b"0"), ("DL3021", b"1"), ("DL3021", b"00"), ("DP821", b" ")])
def test_anything_else_behind_a_line_is_refused_and_shown(model: str, behind: bytes) -> None:
    opening, lines = (dp800.OPEN, CH1) if model == "DP821" else (dl3000.OPEN, LOAD)
    script = [*opening, (":MEAS:VOLT?", b"1.5\n" + behind)]
    with playing(script, model, lines) as net:
        net.session.ask(":MEAS:VOLT?", parse.number)
        with pytest.raises(BadReply, match=rf"sent b'{behind.decode()}' before '.*' was asked"):
            net.session.ask(":MEAS:VOLT?", parse.number)


def messages(device: DL3021, behind: bytes) -> Callable[[bytes], bytes | None]:
    def answer(message: bytes) -> bytes | None:
        reply = device.handle(message.decode().rstrip("\n"))
        return None if reply is None else reply.encode() + behind

    return answer


@pytest.mark.parametrize("behind", [b"\n0", b"\n", b"\r\n", b"", b"\n\0"])
def test_a_message_of_vxi11_is_read_to_its_end(behind: bytes) -> None:
    device, leases = DL3021(), Leases()
    with Vxi11Instrument(messages(device, behind)) as instrument:
        config = bench("DL3021", instrument.visa, load=LOAD)
        with Net.get("load", NetType.ELoad, nets=config, claim=leases) as load:
            assert load.current(1.5) == 1.5
            load.enable()
            state = load.state()
    assert (state.enabled, state.level, device.on) == (True, 1.5, True)
    assert leases.held == []


def test_two_lines_in_one_message_are_refused_and_shown() -> None:
    replies = {b"*IDN?\n": dl3000.IDN[1].encode() + b"\n", b":MEAS:VOLT?\n": b"1.5\n2.5\n"}
    with Vxi11Instrument(replies.get) as instrument:
        config = bench("DL3021", instrument.visa, load=LOAD)
        with Net.get("load", NetType.ELoad, nets=config, claim=Leases()) as load:
            with pytest.raises(BadReply, match=r"with b'1\.5\\n2\.5\\n': more than one line"):
                load.session.ask(":MEAS:VOLT?", parse.number)
            assert load.session.identity() == dl3000.IDN[1]


@pytest.mark.parametrize(
    ("identified", "configured"),
    [("DP821A", "DP821"), ("DP832A", "Rigol DP832"), ("DL3021A", "DL3021"), ("MODEL 2281S-20-6", "2281S"),
     (" 2200-20-5", "2200-20-5"), ("dp821", "DP821")],
)  # fmt: skip
def test_a_model_is_known_by_every_name_that_is_its_own(identified: str, configured: str) -> None:
    assert catalog.is_model(identified, configured)


@pytest.mark.parametrize(
    ("identified", "configured"),
    [("DP821", "DP821A"), ("DP832", "DP821"), ("DP821B", "DP821"), ("DL3031A", "DL3021"), ("E36312AA", "E36312A"),
     ("", "DP821"), ("2200-30-5", "2200-20-5")],
)  # fmt: skip
def test_another_model_is_another_model(identified: str, configured: str) -> None:
    assert not catalog.is_model(identified, configured)


def test_a_dp821a_is_opened_where_the_file_says_dp821_and_not_the_other_way() -> None:
    identity = ("*IDN?", "RIGOL TECHNOLOGIES,DP821A,DP8G212300042,00.01.16")
    with playing([identity, *dp800.MEASURE[1:]], "DP821", CH1) as supply:
        assert supply.voltage() == 3.3001
    with pytest.raises(WrongModel, match=r"DP821,.*the nets file says DP821A"), playing([dp800.IDN], "DP821A", CH1):
        pass


@pytest.mark.parametrize("text", ["1", "ON", "on", "YES", "Yes", "+1", " 1 ", '"ON"', "1.0", "1.000000E+00", "TRUE"])
def test_yes_is_read_in_every_form(text: str) -> None:
    assert parse.on_off(text) is True


@pytest.mark.parametrize("text", ["0", "OFF", "off", "NO", "no", "+0", "-0", "0.0", "'OFF'", "0.000000E+00"])
def test_no_is_read_in_every_form(text: str) -> None:
    assert parse.on_off(text) is False


@pytest.mark.parametrize("text", ["", "2", "0.5", "1,0", "ONN", "NONE", "-1", "nan", '"'])
def test_what_is_neither_yes_nor_no_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse.on_off(text)


def test_trip_flags_in_numbers_are_the_state_of_a_supply() -> None:
    answers = {":OUTP:OVP:QUES? CH1": "0", ":OUTP:OCP:QUES? CH1": "1", ":OUTP? CH1": "0"}
    script = [(question, answers.get(question, reply)) for question, reply in dp800.STATE]
    with playing(script, "DP821", CH1) as supply:
        state = supply.state()
    assert (state.ovp_tripped, state.ocp_tripped, state.enabled) == (False, True, False)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [("+3.3E+00v", "V", 3.3), ("1.5 a,3.3 v", "V", 3.3), ("0.25OHM", "Ohm", 0.25), ("250 mohm", "Ohm", 0.25),
     ("5AH", "Ah", 5.0), ("50mAh", "Ah", 0.05), ("80 %", "%", 80.0), ("12mV", "V", 0.012), ("2kV", "V", 2000.0)],
)  # fmt: skip
def test_a_unit_is_known_in_other_capitals_and_with_a_prefix(text: str, unit: str, value: float) -> None:
    assert parse.quantity(unit)(text) == pytest.approx(value)


@pytest.mark.parametrize(("family", "question"), [("e36300", "MEAS:VOLT? (@2)"), ("2200", "MEAS:VOLT?")])
def test_a_supply_may_name_the_unit_of_a_measurement(family: str, question: str) -> None:
    for answer in ("+3.300E+00 V", "3.3v", "3300mV"):
        with FAMILIES[family].playing([(question, answer)]) as supply:
            assert supply.voltage() == pytest.approx(3.3)
    for answer in ("3.3A", "3,3", "3.3 3.3"):
        with FAMILIES[family].playing([(question, answer)]) as supply, pytest.raises(BadReply, match="reading"):
            supply.voltage()


def test_the_mode_of_an_output_between_its_readings_is_no_reading() -> None:
    for text in ("+1.5E+00A,+3.3E+00V,CV,+3.3E+05s", "cc,3.3v,1.5a", "3.3V, OFF", "CV,3.3"):
        assert parse.quantity("V")(text) == 3.3
    for text in ("CV", "CV,CC", "+1.5A,CV", "3.3,CV,1.5", "3.3V,NAN", "3.3V,XY"):
        with pytest.raises(ValueError, match="reading"):
            parse.quantity("V")(text)


@pytest.mark.parametrize(("text", "unit"), [("1A", "V"), ("1MV", "V"), ("1MOHM", "Ohm"), ("1VA", "V"), ("1,2", "V")])
def test_a_unit_that_could_be_misread_is_refused(text: str, unit: str) -> None:
    with pytest.raises(ValueError, match="no reading in"):
        parse.quantity(unit)(text)


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ('-222,"Data out of range"', (-222, "Data out of range")),
        ('+0,"No error"', (0, "No error")),
        ("0,No error", (0, "No error")),
        ("0,'No error'", (0, "No error")),
        ('-113,"Undefined header; near ""VOLTT"""', (-113, 'Undefined header; near "VOLTT"')),
        ('-113,"Undefined header "VOLTT""', (-113, 'Undefined header "VOLTT"')),
        ("-113,Undefined header 'VOLTT'", (-113, "Undefined header 'VOLTT'")),
        ('-350,"Queue over', (-350, "Queue over")),
        ('704 , "Not permitted, while running"', (704, "Not permitted, while running")),
        ('0,""', (0, "")),
    ],
)
def test_an_entry_of_an_error_queue_is_read_whatever_quotes_it_has(text: str, entry: tuple[int, str]) -> None:
    assert parse.error(text) == entry


@pytest.mark.parametrize("text", ["", "0", "OK", "No error", "-222 Data out of range", "1.5,x", "3.3001,0.1000,0.330"])
def test_what_is_not_an_entry_of_an_error_queue_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an entry"):
        parse.error(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1.0), ("+3.30000000E+00", 3.3), ("-.5", -0.5), ("5.", 5.0), (" 1e3 ", 1000.0), ("9.8E37", 9.8e37)],
)
def test_a_number_is_read_in_every_form_of_scpi(text: str, value: float) -> None:
    assert parse.number(text) == value
    assert parse.numbers(1)(text) == (value,)


@pytest.mark.parametrize("text", ["9.9E37", "-9.9E37", "9.91E37", "1e999", "-1e999", "+9.9E+37"])
def test_the_not_a_number_of_scpi_is_not_a_reading(text: str) -> None:
    for read in (parse.number, parse.quantity("V"), parse.numbers(1)):
        with pytest.raises(ValueError, match="no valid reading"):
            read(text)
    with pytest.raises(ValueError, match="no valid reading"):
        parse.quantity("V")(f"{text}V")


@pytest.mark.parametrize(
    "text", ["\N{ARABIC-INDIC DIGIT THREE}", "", "nan", "inf", "1 2", "0x10", "1,5", "1e", "--1", "1V", "OVER"]
)
def test_an_invalid_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        parse.number(text)


@pytest.mark.parametrize("text", ["1,2", "1,2,3,4", "1,2,x", ""])
def test_as_many_numbers_are_read_as_were_requested(text: str) -> None:
    assert parse.numbers(3)("1, -2 ,3e1") == (1.0, -2.0, 30.0)
    with pytest.raises(ValueError, match=r"3 numbers|not a number"):
        parse.numbers(3)(text)


def test_a_reading_in_thousands_and_millionths_is_scaled() -> None:
    read = [parse.quantity("A")(text) for text in ("2kA", "2mA", "2uA", "2A", "2")]
    assert read == pytest.approx([2000, 0.002, 2e-6, 2, 2])
    for text in ("1V,2V", "2nA", "1.5,2A,"):
        with pytest.raises(ValueError, match="reading"):
            parse.quantity("A")(text)
    assert parse.quantity("A")("1,2A") == 2
    assert parse.quantity("A")("1A,2A") == 1


def test_a_word_is_one_of_the_table_or_refused_with_all_of_them() -> None:
    read = parse.word({"CV": 1, "CC": 2})
    assert [read(text) for text in ("CV", " cc ", '"cv"', "' CC '")] == [1, 2, 1, 2]
    for text in ("", "C", "CVX", '"', "CV,CC"):
        with pytest.raises(ValueError, match="one of CV, CC"):
            read(text)


@pytest.mark.parametrize(("text", "value"), [("5", 5), ("+5", 5), ("-5", -5), (" 7 ", 7), ("1234567890", 1234567890)])
def test_a_whole_number_has_ten_digits_at_most(text: str, value: int) -> None:
    assert parse.whole(text) == value
    for wrong in ("", "1.0", "12345678901", "1e3", "x"):
        with pytest.raises(ValueError, match="not a whole number"):
            parse.whole(wrong)


def test_the_code_of_an_error_has_five_digits_at_most() -> None:
    assert parse.error(' -32768 ,"x"') == (-32768, "x")
    with pytest.raises(ValueError, match="not an entry"):
        parse.error('123456,"x"')


@pytest.mark.parametrize(
    ("form", "text", "entry"),
    [
        ("code text", "0  No Error", (0, "No Error")),
        ("code text", "-113 'Undefined header'", (-113, "Undefined header")),
        ("code text", "7", (7, "")),
        ("code", "0", (0, "")),
        ("code", "-222", (-222, "")),
    ],
)
def test_an_error_queue_may_have_entries_without_a_comma_or_a_text(
    form: str, text: str, entry: tuple[int, str]
) -> None:
    assert parse.ERRORS[form](text) == entry


@pytest.mark.parametrize(("form", "text"), [("code text", "No Error"), ("code text", ""), ("code", "0 No Error")])
def test_what_is_no_entry_of_an_error_queue_is_refused(form: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"entry|number"):
        parse.ERRORS[form](text)
