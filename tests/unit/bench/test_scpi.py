"""The SCPI language of the bench: headers, the path rule, parameters, errors, status."""

import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lagerd.bench.models.supplies.rigol_dp800 import DP821
from lagerd.bench.scpi.instrument import ScpiInstrument, command, query
from lagerd.bench.scpi.language import Range, ScpiError, Token, compile_header, parse
from lagerd.bench.scpi.status import ErrorQueue, Status

calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Without a deadline, because a busy machine is not a failure."""
VOLTS = Range(0, 30, 5, "V")
LONG_HEADER = "[:SOURce<n>]:VOLTage[:LEVel][:IMMediate][:AMPLitude]"
NODES = ("SOURce", "VOLTage", "LEVel", "IMMediate", "AMPLitude")


def headers(message: str) -> list[str]:
    return [unit.header + "?" * unit.query for unit in parse(message)]


class Recorder(ScpiInstrument):
    """Takes one thing of each kind."""

    model = "recorder"
    identity = "A,B,C,D"
    queue_depth = 3

    def __init__(self) -> None:
        super().__init__()
        self.level = 0.0

    @command(LONG_HEADER)
    def set_level(self, suffix: int | None, value: Token) -> None:
        self.level = value.number(VOLTS) + 100 * (suffix or 0)

    @query(LONG_HEADER)
    def show(self, suffix: int | None, special: Token | None = None) -> str:
        return f"{self.level if special is None else special.number(VOLTS):g}"


# Headers


@calm
@given(
    st.lists(st.booleans(), min_size=5, max_size=5),
    st.lists(st.booleans(), min_size=5, max_size=5),
    st.sampled_from([str.upper, str.lower, str.swapcase, str.title]),
)
def test_every_spelling_of_a_header_is_the_same_header(kept: list[bool], long: list[bool], case: object) -> None:
    spelled = ""
    for node, keep, whole in zip(NODES, kept, long, strict=True):
        if keep or node == "VOLTage":
            spelled += ":" + (node if whole else "".join(c for c in node if c.isupper()))
    assert compile_header(LONG_HEADER).match(case(spelled).upper())  # type: ignore[operator]


@calm
@given(st.integers(1, 6))
def test_nothing_between_short_and_long_is_a_header(cut: int) -> None:
    spelled = "VOLTAGE"[:cut]
    assert bool(compile_header(":VOLTage").match(f":{spelled}")) == (spelled == "VOLT")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("*IDN?", ["*IDN?"]),
        ("SOUR:VOLT 1;CURR 2", [":SOUR:VOLT", ":SOUR:CURR"]),
        ("SOUR:VOLT 1;:CURR 2", [":SOUR:VOLT", ":CURR"]),
        ("volt:prot 1;*OPC?;level?", [":VOLT:PROT", "*OPC?", ":VOLT:LEVEL?"]),
        ("A:B:C 1;D:E 2;F 3", [":A:B:C", ":A:B:D:E", ":A:B:D:F"]),
        (" ; ;:OUTP ON ;", [":OUTP"]),
        ("", []),
        (':DISP:TEXT "a;b:c";STAT?', [":DISP:TEXT", ":DISP:STAT?"]),
        ("VOLT 1,(@1;2)", [":VOLT"]),
    ],
)
def test_chained_commands_follow_the_path(message: str, expected: list[str]) -> None:
    assert headers(message) == expected


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("VOLT?5", -102),
        ("1VOLT", -102),
        ("\x00\x01", -101),
        ("VÖLT 1", -101),
        ("VOLT 1,,2", -103),
        ("VOLT 1,", -109),
        ('TEXT "abc', -151),
    ],
)
def test_an_invalid_message_is_an_error(message: str, code: int) -> None:
    with pytest.raises(ScpiError) as caught:
        list(parse(message))
    assert caught.value.code == code


@calm
@given(st.text(max_size=200))
def test_no_message_breaks_an_instrument(message: str) -> None:
    instrument = DP821()
    instrument.handle(message)
    assert instrument.handle("*CLS;:SYST:ERR?") == '0,"No error"'


@calm
@given(st.text(string.printable, max_size=120))
def test_a_message_without_a_command_changes_nothing(message: str) -> None:
    if any(word in message.upper() for word in ("VOLT", "*")):
        return
    instrument = Recorder()
    instrument.handle(message)
    assert instrument.level == 0


# Parameters


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3.3", 3.3),
        ("+.5", 0.5),
        ("5.", 5),
        ("33E-1", 3.3),
        ("3.3V", 3.3),
        ("3.3 v", 3.3),
        ("500mV", 0.5),
        ("0.01KV", 10),
        ("2e3 mV", 2),
        ("MIN", 0),
        ("maximum", 30),
        ("DEF", 5),
    ],
)
def test_numbers_are_parsed(text: str, value: float) -> None:
    assert Token(text).number(VOLTS) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("31", -222),
        ("-1", -222),
        ("1E9", -222),
        ("1E999", -222),
        ("3.3A", -131),
        ("3.3XV", -131),
        ("NAN", -104),
        ("INF", -104),
        ("abc", -104),
        ("1.2.3", -104),
        ("٣", -104),
        ("MINI", -104),
    ],
)
def test_a_number_that_is_invalid_or_out_of_range_is_an_error(text: str, code: int) -> None:
    with pytest.raises(ScpiError) as caught:
        Token(text).number(VOLTS)
    assert caught.value.code == code


@calm
@given(st.floats(0, 30, allow_nan=False))
def test_a_number_arrives_as_it_was_sent(value: float) -> None:
    assert Token(repr(value)).number(VOLTS) == pytest.approx(value)


def test_milli_and_mega() -> None:
    assert Token("5mA").number(Range(0, 10, 0, "A")) == pytest.approx(0.005)
    assert Token("2MOHM").number(Range(0, 1e7, 0, "OHM")) == 2e6


@pytest.mark.parametrize(
    ("text", "channels"),
    [("(@1)", [1]), ("(@1,3)", [1, 3]), ("(@1:3)", [1, 2, 3]), ("(@3:1)", [3, 2, 1]), ("(@ 2 , 1 )", [2, 1])],
)
def test_channel_lists(text: str, channels: list[int]) -> None:
    assert Token(text).channels(3) == channels


@pytest.mark.parametrize(
    ("text", "code"), [("(@4)", -222), ("(@0)", -222), ("(@)", -171), ("(1)", -171), ("(@1:2:3)", -171)]
)
def test_wrong_channel_lists(text: str, code: int) -> None:
    with pytest.raises(ScpiError) as caught:
        Token(text).channels(3)
    assert caught.value.code == code


@pytest.mark.parametrize(("text", "mask"), [("255", 255), ("#HFF", 255), ("#b101", 5), ("#Q17", 15)])
def test_register_masks(text: str, mask: int) -> None:
    assert Token(text).integer(0, 255) == mask


@pytest.mark.parametrize(("text", "value"), [("ON", True), ("off", False), ("1", True), ("0", False), ("2", True)])
def test_booleans_are_parsed(text: str, value: bool) -> None:
    assert Token(text).boolean() is value


# An instrument's answers


def test_answers_to_one_message_are_one_line() -> None:
    assert Recorder().handle("VOLT 3;VOLT?;:VOLT? MAX;*OPC?") == "3;30;1"


def test_a_suffix_reaches_the_method() -> None:
    instrument = Recorder()
    instrument.handle("SOUR2:VOLT 3")
    assert instrument.level == 203


@pytest.mark.parametrize(
    ("message", "code"),
    [("VOLT", -109), ("VOLT 1,2", -108), ("*IDN? 5", -108), ("*IDN", -113), ("NO?", -113)],
)
def test_a_command_with_the_wrong_shape(message: str, code: int) -> None:
    instrument = Recorder()
    assert instrument.handle(message) is None
    assert str(instrument.handle("SYST:ERR?")).startswith(f"{code},")
    assert instrument.level == 0


def test_a_command_error_drops_the_rest_of_the_message_and_an_execution_error_does_not() -> None:
    instrument = Recorder()
    assert instrument.handle("VOLT 99;VOLT?") == "0"
    assert instrument.handle("NONSENSE;:VOLT 3;VOLT?") is None
    assert instrument.level == 0


def test_the_error_queue_is_first_in_first_out_and_says_when_it_overflows() -> None:
    instrument = Recorder()
    for message in ("VOLT 99", "NONSENSE", "VOLT", "VOLT X", "VOLT 1,2"):
        instrument.handle(message)
    answers = [instrument.handle("SYST:ERR?") for _ in range(4)]
    assert answers == [
        '-222,"Data out of range"',
        '-113,"Undefined header"',
        '-350,"Queue overflow"',
        '0,"No error"',
    ]


def test_cls_empties_the_queue_and_rst_does_not() -> None:
    instrument = Recorder()
    instrument.handle("NONSENSE")
    instrument.handle("*RST")
    assert len(instrument.errors) == 1
    assert instrument.handle("*CLS;:SYST:ERR?") == '0,"No error"'


def test_the_standard_event_register_is_read_once() -> None:
    instrument = Recorder()
    assert instrument.handle("*ESR?") == "128"
    for message in ("VOLT 99", "NONSENSE", "*OPC"):
        instrument.handle(message)
    assert instrument.handle("*ESR?") == str(16 | 32 | 1)
    assert instrument.handle("*ESR?") == "0"


def test_the_status_byte_sums_up_what_is_enabled() -> None:
    instrument = Recorder()
    assert instrument.handle("*CLS;*STB?") == "0"
    instrument.handle("*ESE 32;*SRE #H20;NONSENSE")
    assert instrument.handle("*ESE?;*SRE?;*STB?") == f"32;32;{4 | 16 | 32 | 64}"


@calm
@given(st.integers(1, 30), st.integers(0, 60))
def test_a_queue_never_holds_more_than_its_depth(depth: int, pushes: int) -> None:
    queue = ErrorQueue(depth)
    for _ in range(pushes):
        queue.push(ScpiError(-222))
    codes = []
    while (error := queue.pop()) is not None:
        codes.append(error.code)
    assert len(codes) == min(depth, pushes)
    assert (-350 in codes) == (pushes > depth)


def test_device_errors_set_their_own_event_bit() -> None:
    status = Status(ErrorQueue(5))
    status.clear()
    status.record(ScpiError(704))
    assert status.take_events() == 8
