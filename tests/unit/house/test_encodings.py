"""Files that an editor saved in another encoding: a mark of UTF-8 is no matter, anything else is named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lager.errors import BoxError, LagerError, NetsFileError
from lager.nets import file as nets_file
from lager_cli import main
from lager_cli.boxes.names import box_table
from lagerd import config

NETS = '[instruments."ü"]\naddress = "/dev/ttyS7"\n'
CONFIG = "# für alle\ndefault_timeout = 5\n"
BOXES = '# für alle\ndefault = "bench3"\n'
WRONG = {
    "latin-1": "is not valid UTF-8 (byte 0xfc).",
    "utf-16": "it is UTF-16, not UTF-8.",
    "utf-16-be": "it has NUL bytes, like UTF-16, and is not valid UTF-8.",
}


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "lager").mkdir()

    def write(text: Any, encoding: Any) -> Path:
        path = tmp_path / "lager" / "config.toml"
        path.write_bytes(text.encode(encoding))
        return path

    return write


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_byte_order_mark_is_accepted(
    written: Callable[..., Any], encoding: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(nets_file.load(written(NETS, encoding)).instruments) == ["ü"]
    assert config.load(written(CONFIG, encoding)).default_timeout == 5
    saved = [{"name": "ü", "role": "uart", "instrument": "x", "pin": "/dev/ttyS7"}]
    assert main.run(["nets", "import", str(written(json.dumps(saved, ensure_ascii=False), encoding))]) == 0
    assert '[nets."ü"]' in capsys.readouterr().out
    file = written(BOXES, encoding)
    assert box_table.default() == "bench3"
    box_table.set_default("bench4")
    assert file.read_text(encoding="utf-8") == BOXES.replace("bench3", "bench4")


@pytest.mark.parametrize("encoding", WRONG)
def test_another_encoding_is_named(
    written: Callable[..., Any], encoding: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for error, text, load in (
        (NetsFileError, NETS, nets_file.load),
        (config.ConfigError, CONFIG, config.load),
        (BoxError, BOXES, lambda _: box_table.table()),
    ):
        file = written(text, encoding)
        with pytest.raises(error) as caught:
            load(file)
        _is_told(str(caught.value), str(file), encoding)
    file = written('[{"name": "ü"}]', encoding)
    assert main.run(["nets", "import", str(file)]) == LagerError.exit_code
    out, err = capsys.readouterr()
    assert out == ""
    _is_told(err, str(file), encoding)


def _is_told(message: Any, file: Any, encoding: Any) -> None:
    assert f"{file} cannot be read: " in message
    assert WRONG[encoding] in message
    assert "Save it as UTF-8" in message
    if encoding == "latin-1":
        assert "line 1 is not" in message
