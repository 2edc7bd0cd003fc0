"""A session whose instrument is lent: it says so, and comes back to the same device only."""

import os
import threading
from pathlib import Path

import pytest

from lager.drivers.replay import Leases
from lager.errors import InstrumentBusy, InstrumentTimeout, LoanEnded, WrongModel
from lager.instruments import holdings
from lager.instruments.net import Net
from lager.instruments.while_paused import lend_here
from lager.nets import file
from lagerd.bench.bench import Bench
from lagerd.bench.faults import Fault
from lagerd.bench.models.data_acquisition.labjack_t7 import T7
from lagerd.bench.models.supplies.rigol_dp800 import DP821
from lagerd.bench.nets import NetEntry
from lagerd.bench.thread import running

NETS = (NetEntry("out", "supply", "psu1", 1), NetEntry("volts", "dac", "daq1", 0))
LENT = InstrumentBusy("psu1 is lent to bob.", "Return it.")


@pytest.mark.parametrize("name", ["out", "volts"])
def test_a_lent_session_says_so_and_works_again_when_it_is_back(name: str, tmp_path: Path) -> None:
    with running(Bench({"psu1": DP821(), "daq1": T7()}, NETS), tmp_path):
        nets = file.load(tmp_path / "nets.toml")
        with Net.get(name, nets.net(name).type, nets=nets, claim=Leases()) as net:
            net.session.lend(LENT)
            assert not net.session.is_connected()
            for _ in range(2):
                with pytest.raises(InstrumentBusy, match="is lent to bob"):
                    net.session.identity()
            net.session.come_back()
            assert net.session.identity()


@pytest.mark.parametrize("name", ["out", "volts"])
def test_another_device_of_the_same_model_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(Bench({"psu1": DP821(), "daq1": T7(1)}, NETS), tmp_path):
        nets = file.load(tmp_path / "nets.toml")
        with Net.get(name, nets.net(name).type, nets=nets, claim=Leases()) as net:
            net.session.lend(LENT)
            monkeypatch.setattr(net.session, "_device", "RIGOL TECHNOLOGIES,DP821,OTHER,1")
            net.session.come_back()
            for _ in range(2):
                with pytest.raises(WrongModel, match="is another device than before it was lent"):
                    net.session.identity()


def test_a_script_that_cannot_lend_keeps_the_instrument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = DP821()
    with running(Bench({"psu1": device, "daq1": T7()}, NETS), tmp_path):
        text = (tmp_path / "nets.toml").read_text().replace('"DP821"', '"DP821"\ntimeout = 0.2')
        nets = file.parse(text.replace("[nets.out]\n", "[nets.out]\nkeepalive = 3600\n"))
        with Net.get("out", "supply", nets=nets, claim=Leases()) as net:
            reading, writing = os.pipe()
            monkeypatch.setattr(holdings.Holding, "copy_lease", lambda self: os.dup(reading))
            device.faults.inject(Fault.NO_ANSWER, count=3)
            with pytest.raises(InstrumentTimeout):
                lend_here.lend(net.config.instrument.key, "12345678", "bob", 60)
            device.faults.clear()
            assert net.voltage() == 0
            assert [thread.name for thread in threading.enumerate()].count("lager-keepalive") == 1
            fd = lend_here.lend(net.config.instrument.key, "12345678", "bob", 60)
            with pytest.raises(InstrumentBusy, match="psu1 is lent to bob until"):
                net.voltage()
            with pytest.raises(InstrumentBusy, match="psu1 is lent to bob until"):
                net.session.identity()
            lend_here.ended(net.config.instrument.key, "it timed out")
            assert net.voltage() == 0
            for one in (fd, reading, writing):
                os.close(one)


def test_a_closed_session_says_why_it_was_closed(tmp_path: Path) -> None:
    with running(Bench({"psu1": DP821(), "daq1": T7()}, NETS), tmp_path):
        nets = file.load(tmp_path / "nets.toml")
        net = Net.get("out", "supply", nets=nets, claim=Leases())
        net.session.why_closed = LoanEnded("The loan of psu1 has ended.", "Get it again.")
        net.session.close()
        for _ in range(2):
            with pytest.raises(LoanEnded, match="has ended"):
                net.voltage()
        net.close()
