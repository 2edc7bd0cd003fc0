import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from fnmatch import fnmatchcase
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import lagerd.install.install
from lager.errors import LagerError
from lager.nets import file as nets_file
from lager.nets.model import Instrument
from lagerd.install import journal_upload, layout
from lagerd.install.install import MANIFEST, install, uninstall
from lagerd.install.layout import CONFIG, FILES, SERVICE

UNITS = Path(__file__).parents[3] / "units"


def tree(root: Any) -> dict[Any, Any]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()} | {
        str(path.relative_to(root)): path.readlink() if path.is_symlink() else None
        for path in root.rglob("*")
        if not path.is_file() or path.is_symlink()
    }


def did(steps: Any) -> dict[Any, Any]:
    return {step.what: step.did for step in steps}


def test_every_unit_is_installed_and_every_installed_file_is_a_unit() -> None:
    assert {path.name for path in UNITS.iterdir()} == set(FILES.values())


def test_install_lists_its_steps_and_a_second_run_changes_nothing(tmp_path: Path) -> None:
    first = did(install(tmp_path))
    assert all(first[str(tmp_path / place)] == "created" for place in FILES)
    before = tree(tmp_path)
    second = did(install(tmp_path))
    assert {second[str(tmp_path / place)] for place in FILES} == {"unchanged"}
    assert tree(tmp_path) == before
    assert (tmp_path / SERVICE).stat().st_mode & 0o777 == 0o644


def test_the_unit_names_the_installed_program(tmp_path: Path) -> None:
    list(install(tmp_path))
    unit = (tmp_path / SERVICE).read_text()
    assert f"ExecStart={Path(sys.executable).parent / 'lagerd'}\n" in unit
    assert "{" not in unit


def test_a_program_inside_the_root_is_named_as_the_root_sees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "opt" / "lager" / "bin" / "lagerd"
    program.parent.mkdir(parents=True)
    program.touch()
    monkeypatch.setattr(sys, "executable", str(program.with_name("python")))
    assert layout.find(tmp_path).program == Path("/opt/lager/bin/lagerd")


def test_a_dry_run_says_the_same_and_changes_nothing(tmp_path: Path) -> None:
    said = [str(step) for step in install(tmp_path, dry_run=True)]
    assert any(re.match(r"would create +" + re.escape(str(tmp_path / CONFIG)), line) for line in said)
    assert list(tmp_path.iterdir()) == []
    list(install(tmp_path))
    before = tree(tmp_path)
    assert "would remove" in did(uninstall(tmp_path, dry_run=True)).values()
    assert tree(tmp_path) == before


def test_uninstall_leaves_nothing_that_install_made(tmp_path: Path) -> None:
    (tmp_path / "usr" / "share").mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "hostname").write_text("box\n")
    before = tree(tmp_path)
    list(install(tmp_path))
    list(uninstall(tmp_path))
    assert tree(tmp_path) == before


@pytest.mark.parametrize("place", layout.LINKS)
def test_both_commands_are_found_at_a_login_and_over_ssh(tmp_path: Path, place: Any) -> None:
    link = tmp_path / place
    assert did(install(tmp_path))[str(link)] == "created"
    assert link.readlink() == Path(sys.executable).with_name(link.name)
    assert did(install(tmp_path))[str(link)] == "unchanged"
    assert did(uninstall(tmp_path))[str(link)] == "removed"
    assert not link.is_symlink()


@pytest.mark.parametrize("place", layout.LINKS)
def test_another_command_of_that_name_is_kept(tmp_path: Path, place: Any) -> None:
    link = tmp_path / place
    link.parent.mkdir(parents=True)
    link.symlink_to("/opt/theirs/lager")
    assert did(install(tmp_path))[str(link)] == "kept"
    list(uninstall(tmp_path))
    assert str(link.readlink()) == "/opt/theirs/lager"


def test_uninstall_twice_is_fine(tmp_path: Path) -> None:
    assert list(uninstall(tmp_path)) == []


def test_edited_configuration_is_kept(tmp_path: Path) -> None:
    list(install(tmp_path))
    config, nets = tmp_path / CONFIG, tmp_path / "etc/lager/nets.toml"
    config.write_text("default_timeout = 5\n")
    nets.write_text("# mine\n")
    assert did(install(tmp_path))[str(config)] == "kept"
    gone = did(uninstall(tmp_path))
    assert gone[str(config)] == gone[str(nets)] == "kept"
    assert (config.read_text(), nets.read_text()) == ("default_timeout = 5\n", "# mine\n")
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == [config, nets]


def test_unedited_configuration_is_updated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    list(install(tmp_path))
    render = layout.Layout.render

    def changed(self: Any) -> Any:
        return ((place, text + "# new\n") for place, text in render(self))

    monkeypatch.setattr(layout.Layout, "render", changed)
    assert did(install(tmp_path))[str(tmp_path / CONFIG)] == "updated"
    assert did(install(tmp_path))[str(tmp_path / CONFIG)] == "unchanged"


def test_a_file_of_an_earlier_version_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = "usr/lib/udev/rules.d/70-lager.rules"
    list(install(tmp_path))
    monkeypatch.setattr(layout, "FILES", {k: v for k, v in FILES.items() if k != old})
    monkeypatch.setattr(lagerd.install.install, "FILES", layout.FILES)
    assert did(install(tmp_path))[str(tmp_path / old)] == "removed"
    assert not (tmp_path / old).exists()


@pytest.mark.parametrize("place", [layout.START, layout.NOTIFY_SERVICE])
def test_a_version_without_a_unit_leaves_no_link_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Any
) -> None:
    list(install(tmp_path))
    monkeypatch.setattr(layout, "FILES", {k: v for k, v in FILES.items() if k != place})
    monkeypatch.setattr(lagerd.install.install, "FILES", layout.FILES)
    rest = {k: v for k, v in layout.STARTED_AT_BOOT.items() if k != place}
    monkeypatch.setattr(lagerd.install.install, "STARTED_AT_BOOT", rest)
    list(install(tmp_path))
    assert list((tmp_path / "etc/systemd").rglob(Path(place).name)) == []


def test_the_first_version_drops_the_links_of_units_that_it_does_not_have(tmp_path: Path) -> None:
    list(install(tmp_path))
    links = {str(path.relative_to(tmp_path)) for path in (tmp_path / "etc/systemd").rglob("*") if path.is_symlink()}
    recorded = links & json.loads((tmp_path / MANIFEST).read_text())["files"].keys()
    assert recorded == set(layout.RECORDED_LINKS) == links - {f"{layout.WANTS}/lagerd.service"}


def test_a_unit_that_an_administrator_has_disabled_stays_so(tmp_path: Path) -> None:
    list(install(tmp_path))
    (tmp_path / layout.RECORDED_LINKS[0]).unlink()
    list(install(tmp_path))
    assert layout.RECORDED_LINKS[0] not in json.loads((tmp_path / MANIFEST).read_text())["files"]
    assert not (tmp_path / layout.RECORDED_LINKS[0]).is_symlink()


def test_configuration_from_before_the_install_is_kept(tmp_path: Path) -> None:
    config = tmp_path / CONFIG
    config.parent.mkdir(parents=True)
    config.write_text("# older than us\n")
    list(install(tmp_path))
    list(uninstall(tmp_path))
    assert config.read_text() == "# older than us\n"


@pytest.mark.parametrize("verb", [install, uninstall])
def test_only_root_installs_on_the_live_system(monkeypatch: pytest.MonkeyPatch, verb: Any) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LagerError, match=r"Only root may .* Type: sudo lagerd"):
        list(verb(Path("/")))


def test_a_read_only_root_is_reported_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "usr").write_text("a file")
    with pytest.raises(LagerError, match="Cannot read or change"):
        list(install(tmp_path))


@pytest.mark.parametrize(
    ("path", "quoted"),
    [
        ("/opt/lager/bin/lagerd", "/opt/lager/bin/lagerd"),
        ("/opt/my lager/lagerd", '"/opt/my lager/lagerd"'),
        ('/a"b\\c', '"/a\\"b\\\\c"'),
        ("/100%", "/100%%"),
    ],
)
def test_paths_in_the_unit(path: str, quoted: str) -> None:
    assert layout._quoted(Path(path)) == quoted


def test_a_folder_that_the_service_cannot_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "_TEMPORARY", ())
    program = tmp_path / "private" / "lagerd"
    program.parent.mkdir()
    program.touch()
    program.parent.chmod(0o700)
    with pytest.raises(LagerError, match=r"the user lager cannot read \S+ \(drwx------\).*/opt/lager"):
        layout._check(program)


def test_a_temporary_place_is_refused() -> None:
    with pytest.raises(LagerError, match="each service has its own /tmp"):
        layout._check(Path("/tmp/venv/bin/lagerd"))


@pytest.mark.parametrize("path", sorted(UNITS.glob("*.[cpx]*[lfy]")), ids=lambda path: path.name)
def test_the_xml_is_well_formed(path: Any) -> None:
    ElementTree.parse(path)


INSTRUMENTS = {
    name: Instrument(name, "any", address)
    for name, address in {
        "psu1": "ASRL/dev/serial/by-id/usb-RIGOL*[1]::INSTR",
        "port1": "/dev/ttyUSB7",
        "login": "/dev/ttyS0",
        "psu2": "TCPIP::192.168.1.20::INSTR",
        "odd": '/dev/tty"|x',
    }.items()
}


def port_rules(root: Any) -> list[Any]:
    list(install(root))
    return [line for line in (root / layout.PORTS).read_text().splitlines() if "GROUP" in line]


def test_the_group_gets_only_serial_ports_that_the_nets_file_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nets_file, "load", lambda path: SimpleNamespace(instruments=INSTRUMENTS))
    assert port_rules(tmp_path) == []
    (tmp_path / "etc/lager/nets.toml").write_text("# read by the test\n")
    login = tmp_path / "etc/systemd/system/getty.target.wants/serial-getty@ttyS0.service"
    login.parent.mkdir(parents=True)
    login.symlink_to("/usr/lib/systemd/system/serial-getty@.service")
    assert port_rules(tmp_path) == [
        'SUBSYSTEM=="tty", KERNEL=="serial/by-id/usb-RIGOL[*][[]1]", GROUP="lager", MODE="0660"',
        'SUBSYSTEM=="tty", SYMLINK=="serial/by-id/usb-RIGOL[*][[]1]", GROUP="lager", MODE="0660"',
        'SUBSYSTEM=="tty", KERNEL=="ttyUSB7", GROUP="lager", MODE="0660"',
        'SUBSYSTEM=="tty", SYMLINK=="ttyUSB7", GROUP="lager", MODE="0660"',
    ]


@pytest.mark.parametrize(
    ("unit", "port"),
    [
        ("getty.target.wants/serial-getty@ttyUSB7.service", "ttyUSB7"),
        ("multi-user.target.wants/serial-getty@ttyUSB7.service", "ttyUSB7"),
        ("multi-user.target.wants/autologin-getty@ttyACM0.service", "ttyACM0"),
        ("getty.target.wants/serial-getty@serial-by\\x2did-usb.service", "serial/by-id/usb"),
        ("getty.target.requires/serial-getty@ttyUSB7.service", "ttyUSB7"),
        ("/run/systemd/system/getty.target.wants/serial-getty@ttyUSB7.service", "ttyUSB7"),
        ("/run/systemd/generator/getty.target.wants/serial-getty@ttyUSB7.service", "ttyUSB7"),
        ("/usr/lib/systemd/system/getty.target.wants/console-getty@ttyUSB7.service", "ttyUSB7"),
    ],
)
def test_a_port_with_a_login_is_left_alone_under_every_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unit: str, port: str
) -> None:
    """The nets file may name a link to the port, so the port itself is passed over before any other rule."""
    monkeypatch.setattr(nets_file, "load", lambda path: SimpleNamespace(instruments=INSTRUMENTS))
    list(install(tmp_path))
    (tmp_path / "etc/lager/nets.toml").write_text("# read by the test\n")
    login = tmp_path / (unit[1:] if unit.startswith("/") else f"etc/systemd/system/{unit}")
    login.parent.mkdir(parents=True, exist_ok=True)
    login.symlink_to("/usr/lib/systemd/system/getty@.service")
    rules = port_rules(tmp_path)
    assert not any(f'"{port}"' in rule for rule in rules)
    lines = (tmp_path / layout.PORTS).read_text().splitlines()
    for key in ("KERNEL", "SYMLINK"):
        assert lines.index(f'SUBSYSTEM=="tty", {key}=="{port}", GOTO="lager_ports_end"') < lines.index(rules[0])


def test_a_virtual_console_is_left_alone_even_if_the_nets_file_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {"vt": Instrument("vt", "any", "/dev/tty2")}
    monkeypatch.setattr(nets_file, "load", lambda path: SimpleNamespace(instruments=named))
    list(install(tmp_path))
    (tmp_path / "etc/lager/nets.toml").write_text("# read by the test\n")
    rules = port_rules(tmp_path)
    lines = (tmp_path / layout.PORTS).read_text().splitlines()
    (guard,) = [line for line in lines if "tty[0-9]*" in line]
    assert guard.endswith('GOTO="lager_ports_end"')
    match = re.search(r'KERNEL=="([^"]*)"', guard)
    assert match is not None
    patterns = match[1].split("|")
    assert lines.index(guard) < lines.index(rules[0])
    for name, guarded in {"tty2": True, "tty": True, "console": True, "ttyUSB2": False, "ttyS0": False}.items():
        assert any(fnmatchcase(name, pattern) for pattern in patterns) is guarded, name


def test_an_invalid_nets_file_gives_no_port_to_the_group(tmp_path: Path) -> None:
    list(install(tmp_path))
    (tmp_path / "etc/lager/nets.toml").write_text("[instruments.x]\nmodel = 5\n")
    assert port_rules(tmp_path) == []
    assert "is invalid" in (tmp_path / layout.PORTS).read_text()


def test_no_rule_takes_every_serial_port() -> None:
    for path in UNITS.glob("*.rules"):
        for line in path.read_text().splitlines():
            if line.startswith('SUBSYSTEM=="tty"') and "GROUP=" in line:
                assert "ATTRS{idVendor}==" in line


def test_nothing_is_ever_world_writable() -> None:
    rules = (UNITS / "70-lager.rules").read_text()
    modes = re.findall(r'MODE="(\d+)"', rules)
    assert set(modes) == {"0660"}
    assert rules.count('GROUP="lager"') == len(modes)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
def test_the_service_is_hardened(tmp_path: Path) -> None:
    list(install(tmp_path))
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=8", str(tmp_path / SERVICE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_the_page_is_installed_where_cockpit_is_and_leaves_with_it(tmp_path: Path) -> None:
    page = tmp_path / layout.PAGE
    assert not any(what.startswith(str(page)) for what in did(install(tmp_path)))
    cockpit = tmp_path / layout.COCKPIT
    cockpit.mkdir(parents=True)
    assert did(install(tmp_path))[str(page / "index.html")] == "created"
    assert (page / "pauses/pauses.js").exists()
    assert not (page / "package.json").exists()
    assert did(install(tmp_path))[str(page / "manifest.json")] == "unchanged"
    cockpit.rmdir()
    assert did(install(tmp_path))[str(page / "index.html")] == "removed"
    cockpit.mkdir()
    list(install(tmp_path))
    list(uninstall(tmp_path))
    assert not page.exists()
    assert cockpit.exists()


@pytest.fixture
def with_upload(tmp_path: Path) -> Path:
    """A system that has systemd-journal-upload."""
    units = tmp_path / "usr/lib/systemd"
    (units / "system").mkdir(parents=True)
    (units / "systemd-journal-upload").touch()
    (units / "system" / journal_upload.UNIT).write_text("[Install]\nWantedBy=multi-user.target\n")
    return tmp_path


URL = "https://collector.example.com:19532"
WANTED = f"etc/systemd/system/multi-user.target.wants/{journal_upload.UNIT}"


def test_the_upload_of_the_journal_is_set_up_once_and_stays_until_it_is_uninstalled(with_upload: Path) -> None:
    before = tree(with_upload)
    done = did(install(with_upload, upload_to=URL))
    config = with_upload / journal_upload.CONFIG
    assert done[str(config)] == done[str(with_upload / journal_upload.RESTARTS)] == "created"
    assert f"[Upload]\nURL={URL}\n" in config.read_text()
    assert "StartLimitIntervalSec=0" in (with_upload / journal_upload.RESTARTS).read_text()
    assert os.path.lexists(with_upload / WANTED)
    installed = tree(with_upload)
    assert did(install(with_upload, upload_to=URL))[str(config)] == "unchanged"
    assert str(config) not in did(install(with_upload))
    assert tree(with_upload) == installed
    list(uninstall(with_upload))
    assert tree(with_upload) == before


def test_an_upload_that_an_administrator_had_set_up_goes_on_after_uninstall(with_upload: Path) -> None:
    config = with_upload / "etc/systemd/journal-upload.conf"
    config.parent.mkdir(parents=True)
    config.write_text("[Upload]\nURL=https://other.example.com\n")
    (with_upload / WANTED).parent.mkdir(parents=True)
    (with_upload / WANTED).symlink_to(f"/usr/lib/systemd/system/{journal_upload.UNIT}")
    before = tree(with_upload)
    list(install(with_upload, upload_to=URL))
    list(uninstall(with_upload))
    assert tree(with_upload) == before


@pytest.mark.parametrize(
    "url", ["collector", "ftp://collector", "http://", "http://a b", "http://a:99999", "http://a\nURL=x", "http://a/%n"]
)
def test_an_upload_to_what_is_not_a_url_changes_nothing(with_upload: Path, url: str) -> None:
    before = tree(with_upload)
    with pytest.raises(LagerError, match="is not a URL to which a journal can be sent"):
        list(install(with_upload, upload_to=url))
    assert tree(with_upload) == before


def test_an_upload_needs_its_package(tmp_path: Path) -> None:
    with pytest.raises(LagerError, match="Type: sudo apt-get install systemd-journal-remote"):
        list(install(tmp_path, upload_to=URL))
    assert tree(tmp_path) == {}
