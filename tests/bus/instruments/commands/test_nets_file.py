"""`lager nets`: the nets file as a table, its mistakes, its check against the instruments, and an import."""

import json
from pathlib import Path

import pytest

from tests.fixtures import Command, ScreenStarter
from tests.processes import LAGER, Process
from tests.station import Station

pytestmark = pytest.mark.usefixtures("bench")


def test_check_lists_the_nets_that_share_a_terminal(lager: Command, station: Station, tmp_path: Path) -> None:
    text = Path(station.env["LAGER_NETS"]).read_text()
    assert "terminal" not in lager("nets", "check").stdout
    text += '[nets.vdd]\ntype = "supply"\ninstrument = "psu1"\nchannel = 1\nmax_voltage = 3.3\n'
    (tmp_path / "nets.toml").write_text(text)
    told = "supply2 shares a terminal with vdd, channel 1 of psu1: it keeps the max_voltage of vdd, 3.3."
    done = lager("nets", "check", LAGER_NETS=str(tmp_path / "nets.toml"))
    assert done.returncode == 0
    assert told in done.stdout.splitlines()
    listed = json.loads(lager("nets", "check", "--json", LAGER_NETS=str(tmp_path / "nets.toml")).stdout)
    assert told in next(row for row in listed if row["instrument"] == "psu1")["shared_terminals"]
    refused = lager("supply", "supply2", "voltage", "5", LAGER_NETS=str(tmp_path / "nets.toml"))
    assert refused.returncode == 1
    assert "5 V is over its limit of 3.3 V" in refused.stderr


def test_import_of_another_list(lager: Command, tmp_path: Path) -> None:
    saved = [
        {
            "name": "supply9",
            "role": "power-supply",
            "instrument": "Rigol_DP821",
            "address": "TCPIP::1.2.3.4::INSTR",
            "pin": 1,
        },
        {"name": "cam", "role": "webcam", "instrument": "Logitech", "address": "x", "pin": 0},
    ]
    (tmp_path / "saved.json").write_text(json.dumps(saved))
    done = lager("nets", "import", "saved.json")
    assert done.returncode == 0
    assert "[nets.supply9]" in done.stdout
    assert "cam" in done.stderr
    it = "dp821-1 (DP821 at TCPIP::1.2.3.4::INSTR), channel 1"
    assert f"supply9 is a net of type supply on {it}\n" in done.stderr


def test_import_writes_nothing_if_a_limit_would_be_lost(lager: Command, tmp_path: Path) -> None:
    saved = {"name": "supply9", "role": "power-supply", "instrument": "Rigol_DP821", "address": "TCPIP::1.2.3.4::INSTR"}
    limits = {"safety_limits": {"max_voltage": 3.6}}
    (tmp_path / "saved.json").write_text(json.dumps([{**saved, "pin": 1, **limits}]))
    imported = lager("nets", "import", "saved.json")
    assert "max_voltage = 3.6\n" in imported.stdout
    assert "channel 1, max_voltage 3.6\n" in imported.stderr
    lost = {"name": "supply8", "pin": 2, "safety_limits": {"max_temperature": 40}}
    (tmp_path / "saved.json").write_text(json.dumps([{**saved, "pin": 1, **limits}, {**saved, **lost}]))
    done = lager("nets", "import", "saved.json", "--output", "nets.toml")
    assert done.returncode == 1
    assert "'supply8' (entry 2) has the limit max_temperature = 40" in done.stderr
    assert "nothing was written" in done.stderr
    assert not (tmp_path / "nets.toml").exists()


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_each_net_is_one_row_on_a_terminal(lager: Command, screen: ScreenStarter, columns: int) -> None:
    names = [net["name"] for net in json.loads(lager("nets", "--json").stdout)]
    one = screen(LAGER, "nets", columns=columns, rows=40)
    one.wait()
    assert [line.split()[0] for line in one.lines] == ["NET", *names]


def test_a_long_result_wraps_within_its_column(bench: Process, screen: ScreenStarter, tmp_path: Path) -> None:
    nets = tmp_path / "gone.toml"
    nets.write_text('[instruments.psu1]\nmodel = "DP821"\naddress = "TCPIP::127.0.0.1::1::SOCKET"\ntimeout = 0.5\n')
    one = screen(LAGER, "nets", "check", LAGER_NETS=str(nets))
    assert one.wait() == 1
    first, *more, total = one.lines[1:]
    assert first.startswith("FAIL   psu1        DP821  psu1 (")
    assert more
    assert all(line.startswith(" " * 26) and line[26] != " " for line in more)
    assert total == "0 OK, 1 FAIL."


def test_a_long_message_is_broken_between_words_on_a_terminal(
    screen: ScreenStarter, lager: Command, tmp_path: Path
) -> None:
    nets = tmp_path / "nets.toml"
    nets.write_text(f'[instruments.a]\nmodel = "DP821"\naddress = "{"word " * 40}"\n')
    one = screen(LAGER, "nets", LAGER_NETS=str(nets))
    assert one.wait() == 1
    told = lager("nets", LAGER_NETS=str(nets)).stderr
    assert len(one.lines) > told.count("\n")
    assert " ".join(one.shown.split()) == " ".join(told.split())


EVIL = "evil\\u001b[2J\\nlager: All is well."


def test_a_wrong_nets_file_has_a_line_for_each_mistake_and_no_escape(lager: Command, tmp_path: Path) -> None:
    nets = tmp_path / "nets.toml"
    nets.write_text(
        '[instruments.a]\nmodel = "DP821"\naddress = "here"\ntimeout = "x"\n'
        '[nets.b]\ntype = "supply"\ninstrument = "a"\nchannel = 7\nmax_voltage = -1\n'
        f'[nets."{EVIL}"]\ntype = "adc"\ninstrument = "c"\nrange = 3\n'
    )
    done = lager("nets", LAGER_NETS=str(nets))
    first, *mistakes, last = done.stderr.splitlines()
    assert first.endswith("has 6 mistakes:")
    assert [line.split(": ")[0].split()[0] for line in mistakes] == [
        "instruments.a.address", "instruments.a.timeout", "nets.b.channel", "nets.b.max_voltage",
        "nets.evil\\x1b[2J\\nlager", "nets.evil\\x1b[2J\\nlager",
    ]  # fmt: skip
    assert all(line.startswith("  ") for line in (*mistakes, last))


def test_a_wrong_nets_file_is_refused_with_all_its_mistakes(lager: Command, tmp_path: Path) -> None:
    (tmp_path / "nets.toml").write_text(
        '[instruments.a]\nmodel = "DP821"\n[nets.b]\ntype = "suply"\ninstrument = "c"\n'
    )
    done = lager("nets", LAGER_NETS=str(tmp_path / "nets.toml"))
    assert done.returncode == 1
    for part in ("nets.toml", "instruments.a.address", "nets.b.type", "nets.b.instrument"):
        assert part in done.stderr
