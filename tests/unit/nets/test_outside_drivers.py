"""Drivers of one's own: from a folder and from packages; a broken one harms nothing else."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lager.drivers.replay import bench, playing
from lager.errors import NetsFileError
from lager.nets import catalog, own_drivers
from lager.nets import file as nets_file
from lager.nets.model import NetType
from tests.documents import PAGES

ADDRESS = "TCPIP::h::5::SOCKET"
IDN = ("*IDN?", "ACME,P200,1234,1.0")
DRIVER = """
from lager.drivers import Supply
DRIVER = {"maker": "Acme", "models": ["P200", "P300"], "nets": {"supply": "Output"}, "channels": {"P300": 2}}
class Output(Supply):
    SET_VOLTAGE, GET_VOLTAGE = "VOLT {x},(@{n})", "VOLT? (@{n})"
    SET_CURRENT, GET_CURRENT = "CURR {x},(@{n})", "CURR? (@{n})"
    SET_OUTPUT, GET_OUTPUT = "OUTP {x},(@{n})", "OUTP? (@{n})"
    MEASURE_VOLTAGE, MEASURE_CURRENT = "MEAS:VOLT? (@{n})", "MEAS:CURR? (@{n})"
"""


@pytest.fixture(autouse=True)
def none_known() -> Iterator[None]:
    kept = [*own_drivers._found], {**own_drivers._broken}, {*own_drivers._read}
    own_drivers._found.clear()
    own_drivers._broken.clear()
    own_drivers._read.clear()
    yield
    own_drivers._found[:], own_drivers._broken, own_drivers._read = kept


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o755)
    (tmp_path / "acme.py").write_text(DRIVER)
    return tmp_path


def test_a_driver_in_a_folder_serves_its_models(folder: Path) -> None:
    script = [IDN, ("VOLT 3.3,(@1)", None), (":SYST:ERR?", '0,"No error"'), ("VOLT? (@1)", "3.3"), ("OUTP? (@1)", "0")]
    with playing(script, "P200", "type = 'supply'", drivers=folder) as supply:
        assert supply.set_voltage(3.3) == 3.3
        assert not supply._is_on()
    nets = bench("P300", ADDRESS, drivers=folder, one="type = 'supply'\nchannel = 2", raw="type = 'scpi'")
    assert nets.net("one").channel == 2
    with pytest.raises(NetsFileError, match="a P300 has 1 to 2"):
        bench("P300", ADDRESS, drivers=folder, one="type = 'supply'")
    with pytest.raises(NetsFileError, match="a P200 has no eload nets; it has: supply, scpi"):
        bench("P200", ADDRESS, drivers=folder, one="type = 'eload'")


def test_a_state_of_a_supply_needs_no_more_than_the_table_of_commands(folder: Path) -> None:
    asked = [("MEAS:VOLT? (@1)", "3.3"), ("MEAS:CURR? (@1)", "0.1"), ("OUTP? (@1)", "1"), ("VOLT? (@1)", "3.3"),
             ("CURR? (@1)", "1")]  # fmt: skip
    with playing([IDN, *asked], "P200", "type = 'supply'", drivers=folder) as supply:
        state = supply.state()
        assert (state.voltage, state.enabled, state.current_set, state.ovp, state.unread) == (3.3, True, 1.0, None, {})


BROKEN = {
    "no table": ("x = 1", "it has no table DRIVER"),
    "an error": ("import nothing_like_this", "ModuleNotFoundError: No module named 'nothing_like_this' (line 1)"),
    "a syntax error": ("def", "SyntaxError: invalid syntax"),
    "an exit": ("import sys; sys.exit(3)", "SystemExit: 3 (line 1)"),
    "another key": ("DRIVER = {'model': 'X'}", "DRIVER has an unknown key 'model'"),
    "no models": ("DRIVER = {'nets': {}}", 'DRIVER needs "models", a list of names'),
    "a model of lager": ("DRIVER = {'models': ['DP832A'], 'nets': {'supply': 'X'}}", "lager itself drives a DP832A"),
    "another type": (
        "DRIVER = {'models': ['X'], 'nets': {'scope': 'X'}}",
        'DRIVER needs "nets", a table from a net type',
    ),
    "no class": ("DRIVER = {'models': ['X'], 'nets': {'supply': 'X'}}", "'X' is not a class of the module"),
    "too little": (
        "from lager.drivers import Switched\nclass X(Switched): pass\n"
        "DRIVER = {'models': ['X'], 'nets': {'supply': 'X'}}",
        "its class X for nets of type supply has no voltage, current",
    ),
    "a wrong number": (
        f"{DRIVER}\nDRIVER['models'] = ['P9']; DRIVER['channels'] = 0",
        '"channels" of DRIVER should be',
    ),
    "a model twice": (DRIVER, "another driver has the model P200"),
}


@pytest.mark.parametrize(("text", "said"), BROKEN.values(), ids=BROKEN)
def test_a_broken_driver_is_a_sentence_and_harms_no_other(folder: Path, text: str, said: str) -> None:
    (folder / "broken.py").write_text(text)
    nets = bench("P200", ADDRESS, drivers=folder, one="type = 'supply'")
    assert nets.net("one").type is NetType.PowerSupply
    (one,) = own_drivers.broken()
    assert one.where == str(folder / "broken.py")
    assert said in one.reason
    with pytest.raises(NetsFileError, match=r"there is no driver for 'Q1'.*; .*broken\.py cannot be used: "):
        bench("Q1", ADDRESS, drivers=folder, one="type = 'supply'")


def test_a_driver_that_is_no_file_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe.py")
    (folder / "folder.py").mkdir()
    (folder / "wrong.py").write_text("x = 1\ndef")
    assert bench("P200", ADDRESS, drivers=folder, one="type = 'supply'").net("one").type is NetType.PowerSupply
    reasons = {Path(one.where).name: one.reason for one in own_drivers.broken()}
    assert reasons["pipe.py"] == reasons["folder.py"] == "it is not a regular file."
    assert reasons["wrong.py"].endswith("(wrong.py, line 2).")


def test_what_others_may_write_to_is_not_run(folder: Path) -> None:
    (folder / "acme.py").chmod(0o666)
    with pytest.raises(NetsFileError, match=r"there is no driver for 'P200'.*no other user may write to it"):
        bench("P200", ADDRESS, drivers=folder, one="type = 'supply'")
    folder.chmod(0o777)
    with pytest.raises(NetsFileError, match=r"drivers: .*no other user may write to it"):
        bench("P200", ADDRESS, drivers=folder, one="type = 'supply'")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_what_another_user_has_written_is_not_run(folder: Path) -> None:
    os.chown(folder / "acme.py", 12345, 12345)
    with pytest.raises(NetsFileError, match="must belong to root"):
        bench("P200", ADDRESS, drivers=folder, one="type = 'supply'")


def test_the_folder_begins_at_that_of_the_nets_file(folder: Path) -> None:
    (folder / "own").mkdir(mode=0o755)
    (folder / "acme.py").rename(folder / "own" / "acme.py")
    text = f'drivers = "own"\n[instruments.it]\nmodel = "P200"\naddress = "{ADDRESS}"\n'
    (folder / "nets.toml").write_text(text)
    assert list(nets_file.load(folder / "nets.toml").instruments) == ["it"]
    for wrong in ("5", '"nowhere"', '""', "['a']"):
        with pytest.raises(NetsFileError, match="drivers: "):
            nets_file.parse(f"drivers = {wrong}", str(folder / "nets.toml"))


def test_a_package_brings_a_driver_and_is_looked_at_only_for_an_unknown_model(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = folder / "acme_lager-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-lager\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[lager.drivers]\nacme = acme\ngone = not_there\n")
    monkeypatch.syspath_prepend(str(folder))
    bench("DP821", ADDRESS, one="type = 'supply'\nchannel = 1")
    assert own_drivers.GROUP not in own_drivers._read
    nets = bench("P200", ADDRESS, one="type = 'supply'")
    assert nets.net("one").type is NetType.PowerSupply
    family = catalog.find("P200")
    assert family is not None
    assert family.origin == "acme (acme-lager)"
    broken = {one.where: one.reason for one in own_drivers.broken()}
    assert broken["not_there (acme-lager)"].startswith("ModuleNotFoundError: No module named 'not_there'")


def test_the_page_on_drivers_does_what_it_says(tmp_path: Path) -> None:
    page = (PAGES / "drivers.md").read_text()
    tmp_path.chmod(0o755)
    for name, text in re.findall(r"```python\n# (\w+\.py)\n(.*?)```", page, re.DOTALL):
        (tmp_path / name).write_text(text)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p100.py", "test_p100.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_p100.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "3 passed" in done.stdout, done.stdout + done.stderr
