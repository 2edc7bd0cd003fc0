"""Nets of type scpi: any instrument, claimed like all others, and kept from bypassing limits unless that is meant."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lager.drivers.replay import Leases, bench, playing
from lager.drivers.scripted_instrument import ScriptedInstrument
from lager.errors import BadReply, InstrumentTimeout, InvalidArgument, NetConflict, NetsFileError, Rejected
from lager.instruments import net as nets_module
from lager.instruments.net import Net
from lager.nets import file as nets_file
from lager.nets.actions import ACTIONS, is_setting
from lager.nets.model import NetType

IDN = ("*IDN?", "RIGOL TECHNOLOGIES,DS1054Z,DS1ZA0001,00.04.04")
NO_ERROR = (":SYST:ERR?", '0,"No error"')
SCOPE = "DS1054Z"
ADDRESS = "TCPIP::h::5::SOCKET"


@pytest.fixture(autouse=True)
def nothing_said() -> Iterator[None]:
    nets_module._unlimited.clear()
    yield
    nets_module._unlimited.clear()


def scope(*script: tuple[Any, Any], lines: str = "") -> Any:
    return playing([IDN, *script], SCOPE, f"type = 'scpi'\n{lines}")


def test_an_unknown_model_answers_queries_and_takes_commands() -> None:
    script = [("CHAN1:SCAL?", "0.5"), ("CHAN1:SCAL 1", None), NO_ERROR, ("CHAN1:SCAL?;:TIM:SCAL?", "1;1e-3")]
    with scope(*script) as net:
        assert net.ask("CHAN1:SCAL?") == "0.5"
        assert net.tell(" CHAN1:SCAL 1 ") is None
        assert net.ask("CHAN1:SCAL?;:TIM:SCAL?") == "1;1e-3"
        assert net.type is NetType.SCPI


def test_a_rejected_command_raises_and_a_net_without_an_error_queue_only_sends() -> None:
    with (
        scope(("NO:SUCH 1", None), (":SYST:ERR?", '-113,"Undefined header"'), NO_ERROR) as net,
        pytest.raises(Rejected, match="-113"),
    ):
        net.tell("NO:SUCH 1")
    with scope(("NO:SUCH 1", None), ("STAT?", "1"), lines="error_queue = false") as net:
        net.tell("NO:SUCH 1")
        assert net.ask("STAT?") == "1"


def test_a_binary_answer_is_returned_as_it_is() -> None:
    data = bytes(range(256)) * 20 + b"\n\n"
    block = b"#4%04d" % len(data) + data + b"\n"
    with scope(("DISP:DATA?", block), ("WAV:DATA?", b"#10\n"), ("*OPC?", "1")) as net:
        assert net.query_binary("DISP:DATA?") == data
        assert net.query_binary("WAV:DATA?") == b""
        assert net.ask("*OPC?") == "1"
    with scope(("DISP:DATA?", "no block")) as net, pytest.raises(BadReply, match="not a block of bytes"):
        net.query_binary("DISP:DATA?")
    with scope(("DISP:DATA?", b"#3100only a part")) as net, pytest.raises(InstrumentTimeout):
        net.query_binary("DISP:DATA?")


WRONG = ("", " ", "A\nB?", "é?", 5, None, ";")


@pytest.mark.parametrize(
    ("method", "message"),
    [
        *(
            (method, wrong)
            for method in ("ask", "tell", "query_binary")
            for wrong in ("", " ", "A\nB?", "é?", 5, None, ";")
        ),
        ("ask", "VOLT 5"),
        ("ask", "VOLT 5;VOLT?"),
        ("ask", "VOLT?;*RST"),
        ("ask", "DISP:TEXT 'really?'"),
        ("tell", "VOLT?"),
        ("tell", "VOLT 5;VOLT?"),
        ("query_binary", "VOLT 5"),
    ],
)
def test_a_query_is_asked_and_a_command_is_told_and_neither_is_hidden_in_the_other(method: str, message: Any) -> None:
    with scope() as net, pytest.raises(InvalidArgument, match=r"is not (only )?a (query|command)"):
        getattr(net, method)(message)


@pytest.mark.parametrize(
    ("method", "message", "what", "hint"),
    [
        ("ask", "VOLT 5", "it: 'VOLT 5' is not only a query.", "Send commands with tell()."),
        ("tell", "VOLT?", "it: 'VOLT?' is not only a command.", "Send queries with ask()."),
        ("ask", "", "it: '' is not a query.", "Give one line of printable ASCII."),
        ("tell", "\t\x07", "it: '\\t\\x07' is not a command.", "Give one line of printable ASCII."),
    ],
)
def test_a_message_that_is_refused_is_named_with_what_to_do(method: str, message: str, what: str, hint: str) -> None:
    with scope() as net, pytest.raises(InvalidArgument) as caught:
        getattr(net, method)(message)
    assert (caught.value.what, caught.value.hint) == (what, hint)


def test_a_message_has_65536_characters_at_most() -> None:
    longest = "A" * 65535 + "?"
    with scope((longest, "1")) as net:
        assert net.ask(longest) == "1"
        with pytest.raises(InvalidArgument, match="is not a query"):
            net.ask("A" + longest)


def test_a_query_that_may_change_something_is_reported_and_no_setting_is_read_for_it() -> None:
    with scope() as net:
        assert {name: net.sets(name) for name in net.SETS} == {"tell": (), "query_binary": ()}


def test_text_in_quotes_is_no_query() -> None:
    with scope(("DISP:TEXT 'ready; go?'", None), NO_ERROR) as net:
        net.tell("DISP:TEXT 'ready; go?'")


def test_only_asking_is_a_reading_for_those_who_act_through_a_pause() -> None:
    assert {name: is_setting(name, "*IDN?") for name in ACTIONS[NetType.SCPI]} == {
        "ask": False,
        "tell": True,
        "query-binary": True,
    }


def test_it_is_said_once_that_no_limits_apply(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        with scope():
            pass
    assert capsys.readouterr().err.count("sends any command to it (DS1054Z at TCPIP::127.0.0.1::") == 1


def test_it_is_not_open_beside_another_net_of_its_instrument() -> None:
    with ScriptedInstrument(("*IDN?", "RIGOL TECHNOLOGIES,DP821,DP8G1,00.01.16")) as instrument:
        nets = bench("DP821", instrument.visa, it="type = 'scpi'", out="type = 'supply'\nchannel = 1")
        with Net.get("it", "scpi", nets=nets, claim=Leases()), pytest.raises(NetConflict):
            Net.get("out", "supply", nets=nets, claim=Leases(), share=True)


BESIDE = {
    "a limit": "type = 'supply'\nchannel = 1\nmax_voltage = 5",
    "a safe state": "type = 'supply'\nchannel = 1\nsafe = 'off'",
}


@pytest.mark.parametrize("guarded", BESIDE.values(), ids=BESIDE)
def test_it_is_refused_beside_a_net_that_it_would_bypass_unless_that_is_meant(guarded: str) -> None:
    with pytest.raises(NetsFileError, match="an scpi net bypasses the limits and the safe state of out; add unlimited"):
        bench("DP821", ADDRESS, it="type = 'scpi'", out=guarded)
    again = f'[instruments.same]\nmodel = "DP821"\naddress = "{ADDRESS.lower()}"\n[nets.it]\ntype = "scpi"\n'
    again += 'instrument = "same"'
    first = f'[instruments.psu]\nmodel = "DP821"\naddress = "{ADDRESS}"\n[nets.out]\ninstrument = "psu"\n'
    with pytest.raises(NetsFileError, match="bypasses"):
        nets_file.parse(f"{first}{guarded}\n{again}\n")
    nets = bench("DP821", ADDRESS, it="type = 'scpi'\nunlimited = true", out=guarded)
    assert nets.net("it").type is NetType.SCPI


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[instruments.it]\nmodel = "DS1054Z"\naddress = "{}"\n', "there is no driver for 'DS1054Z'"),
        (
            '[instruments.it]\nmodel = "DS1054Z"\naddress = "{}"\n[nets.a]\ntype = "scpi"\ninstrument = "it"\n'
            '[nets.b]\ntype = "supply"\ninstrument = "it"\n',
            "a DS1054Z has no supply nets; it has: scpi",
        ),
        (
            '[instruments.it]\nmodel = "DS1054Z"\naddress = "10.0.0.1"\n[nets.a]\ntype = "scpi"\ninstrument = "it"\n',
            "there is no driver for 'DS1054Z'",
        ),
        (
            '[instruments.it]\naddress = "/dev/ttyS0"\n[nets.a]\ntype = "scpi"\ninstrument = "it"\n',
            "a serial has no scpi nets",
        ),
        (
            '[instruments.it]\nmodel = "X1"\naddress = "{}"\n[nets.a]\ntype = "scpi"\ninstrument = ["it"]\n',
            "there is no driver for 'X1'",
        ),
        (
            '[instruments.it]\nmodel = "X1"\naddress = "{}"\n[nets.a]\ntype = "scpi"\ninstrument = "it"\nchannel = 1\n',
            "has no channel",
        ),
        (
            '[instruments.it]\nmodel = "X1"\naddress = "{}"\n[nets.a]\ntype = "scpi"\ninstrument = "it"\n'
            "unlimited = 1\n",
            "should be true or false, not 1",
        ),
        (
            '[instruments.it]\nmodel = "X1"\naddress = "{}"\n[nets.a]\ntype = "scpi"\ninstrument = "it"\n'
            "keepalive = 5\n",
            "no query is harmless for every device",
        ),
    ],
)
def test_a_nets_file_that_is_wrong_says_what(text: str, said: str) -> None:
    with pytest.raises(NetsFileError) as caught:
        nets_file.parse(text.format(ADDRESS))
    assert said in str(caught.value)


def test_its_row_for_json_is_like_that_of_every_net() -> None:
    nets = bench(SCOPE, ADDRESS, it="type = 'scpi'")
    assert json.dumps(nets.net("it").as_dict())
    assert nets.net("it").channel is None
