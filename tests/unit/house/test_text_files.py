"""Files that people write, where there is none: a folder, a pipe, a device, something endless."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lager.errors import BoxError, NetsFileError
from lager.nets import file as nets_file
from lager_cli import main
from lager_cli.boxes.names import box_table
from lagerd import config

DEEP = "a = " + "[" * 100_000


def _large(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(1 << 40)  # sparse


ODD: dict[str, tuple[Callable[[Path], None], str]] = {
    "a folder": (os.mkdir, "it is a directory"),
    "a named pipe that nobody writes to": (os.mkfifo, "it is a named pipe"),
    "an endless device": (lambda path: os.symlink("/dev/zero", path), "it is larger than 4 MB"),
    "a terabyte": (_large, "it is larger than 4 MB"),
    "a link to itself": (lambda path: os.symlink(path, path), "Too many levels of symbolic links"),
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "lager").mkdir()
    return tmp_path / "lager" / "config.toml"


@pytest.mark.parametrize("kind", ODD)
def test_a_file_that_is_not_text_is_refused_at_once(file: Path, kind: Any) -> None:
    make, says = ODD[kind]
    make(file)
    for error, load in (
        (NetsFileError, nets_file.load), (config.ConfigError, config.load), (BoxError, lambda _: box_table.table())
    ):  # fmt: skip
        with pytest.raises(error) as caught:
            load(file)
        assert f"{file} cannot be read: {says}." in str(caught.value)


def test_an_import_is_refused_likewise(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(file)
    assert main.run(["nets", "import", str(file)]) == 1
    assert "cannot be read: it is a named pipe. Check the file" in capsys.readouterr().err


def test_a_pipe_of_the_shell_is_read_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    reader, writer = os.pipe()
    with open(reader), open(writer, "w") as written:

        def fill() -> None:
            written.write("[nets]\n" + "#" * 100_000)
            written.close()

        filling = threading.Thread(target=fill)
        filling.start()
        assert nets_file.load(f"/dev/fd/{reader}").nets == {}
        filling.join()


def test_toml_that_is_nested_too_deeply_is_refused(file: Path) -> None:
    file.write_text(DEEP)
    for error, load in (
        (NetsFileError, nets_file.load), (config.ConfigError, config.load), (BoxError, lambda _: box_table.table())
    ):  # fmt: skip
        with pytest.raises(error, match="it is nested too deeply"):
            load(file)


@pytest.mark.parametrize("home", ["/proc/x", "/dev/null"])
def test_a_folder_for_boxes_that_cannot_be_written_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: str
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", home)
    assert main.run(["boxes", "add", "a", "b"]) == 1
    assert f"{home}/lager/config.toml cannot be written: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("default = 3", "default in {} is not text: 3. Write it like: default ="),
        ("[boxes.x]\nssh = [1]", "boxes.x.ssh in {} is not text: [1]. Write it like: ssh ="),
        ("[boxes.x]\ncommand = true", "boxes.x.command in {} is not text: True."),
        ('defualt = "a"', "{} has the unknown key defualt. Did you mean default?"),
        ("[box.x]\nssh = 'a'", "{} has the unknown key box. Did you mean boxes?"),
        ('[boxes.x]\nshs = "a"', "{} has the unknown key boxes.x.shs. Did you mean ssh?"),
        ("[boxes.x]\nport = 22", "{} has the unknown key boxes.x.port. Its keys are ssh, command."),
        ('[default_nets]\nsuply = "a"', "{} has the unknown key default_nets.suply. Did you mean supply?"),
        ('[boxes.x]\n"\\u001b[2J" = 1', "{} has the unknown key boxes.x.\\x1b[2J. Its keys are ssh, command."),
    ],
)
def test_an_entry_of_the_configuration_that_would_have_no_effect_is_refused(
    file: Path, text: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(text)
    assert main.run(["breakpoints"]) == 1
    assert says.format(file) in capsys.readouterr().err.replace("\n  ", " ")
