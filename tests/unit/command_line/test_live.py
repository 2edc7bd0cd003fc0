"""Which row is selected, and how a table fits into a width."""

import pytest

from lager.wording.palette import SGR
from lager.wording.text import columns, wrapped
from lager_cli.display import output
from lager_cli.display.tables import fitted
from lager_cli.screens import palette
from lager_cli.screens.selection import RowSelection

HEADERS = ("ID", "LABEL", "WHERE", "SCRIPT", "RUN", "USER", "PAUSED", "LEFT", "CONSOLES")
ROW = ("7f3a19e2", "before the load test of the new board", "examples/deep/in/inspect_bench.py:15",
       "examples/deep/in/inspect_bench.py", "4f0c4a52", "anna", "48s", "4m12s, then exit", 2)  # fmt: skip


@pytest.mark.parametrize("columns", [200, 160, 120, 100, 80, 70])
def test_it_fits_and_keeps_what_matters(columns: int) -> None:
    head, line = fitted(HEADERS, [ROW], columns)
    assert max(len(head), len(line)) <= columns
    assert line.startswith("7f3a19e2  before the")
    assert "bench.py:15  " in line
    assert "4m12s, then exit" in line
    assert head.endswith("CONSOLES")
    assert ("4f0c4a52" in line) == (columns >= 160)


@pytest.mark.parametrize(("columns", "shown"), [(80, "USB0::0x05E6::0x2281::44123"), (100, "::4412345::INSTR ")])
def test_an_address_is_cut_last(columns: int, shown: str) -> None:
    headers = ("ADDRESS", "MODEL", "NETS", "KNOWN AS", "WHAT")
    known = "USB0::0x05E6::0x2281::4412345::INSTR", "2281S-20-6", "adc dac gpio thermocouple", "smu1", "KEITHLEY" * 9
    head, line = fitted(headers, [known], columns)
    assert max(len(head), len(line)) <= columns
    assert shown in line


@pytest.mark.parametrize("columns", [0, 1, 20, 40])
def test_where_nothing_fits_it_is_cut(columns: int) -> None:
    assert all(len(line) <= columns for line in fitted(HEADERS, [ROW, ROW], columns))


def test_where_all_fits_nothing_is_shortened() -> None:
    head, line = fitted(HEADERS, [ROW], 200)
    assert line.split("  ")[1] == ROW[1]
    assert head.split() == list(HEADERS)


def test_a_table_that_has_no_place_keeps_its_script() -> None:
    row = ("2d3ba814", "paused", "-", "12s", "46c83429 93693e30", "-", "pytest -q --lager-pause -n 2 test_rails.py")
    head, line = fitted(("ID", "STATE", "EXIT", "AGE", "PAUSE", "DETACHED", "SCRIPT"), [row], 80)
    assert head.endswith("DETACHED  SCRIPT")
    assert line.endswith("pytest -q --lager-pau…")
    assert len(line) <= 80


def test_nothing_in_a_cell_is_a_command() -> None:
    assert "\x1b" not in fitted(("LABEL",), [("\x1b[2J",)], 80)[1]


WIDE = (
    "7f3a19e2",
    "测量电压之前的断点在这里",
    "測定/デバッグ/電圧を測る.py:15",
    "電圧.py",
    "4f0c4a52",
    "anna",
    "48s",
    "4m12s",
    2,
)


@pytest.mark.parametrize("width", [200, 120, 80, 40, 21, 20, 1, 0])
def test_a_table_with_wide_characters_fits_and_stays_aligned(width: int) -> None:
    lines = fitted(HEADERS, [ROW, WIDE], width)
    assert all(columns(line) <= width for line in lines)
    if width >= 80:
        assert len({columns(line[: line.index("anna")]) for line in lines[1:]} if "USER" in lines[0] else {0}) == 1
        assert lines[2].rstrip().endswith("2")


@pytest.mark.parametrize("text", ["one, two, three", "电压 电流 功率 电阻", "e\u0301te\u0301 a\u0308hnlich"])
@pytest.mark.parametrize("width", [20, 11, 9])
def test_no_wrapped_line_is_wider_than_the_terminal(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert all(columns(line) <= width for line in lines)
    assert " ".join(line.strip() for line in lines) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [("abcdef", "abcd…"), ("漢字漢", "漢字…"), ("a漢字漢", "a漢…"), ("äöüß", "äöüß")],
)
def test_a_wide_character_takes_two_columns(text: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    output.line(text, 5)
    assert capsys.readouterr().out == shown + "\n"


def test_the_first_row_is_selected_and_keys_move() -> None:
    selection = RowSelection()
    selection.update([])
    assert selection.id is None
    selection.update(["a", "b", "c"])
    assert selection.id == "a"
    selection.move(1)
    selection.update(["0", "a", "b", "c"])
    assert selection.id == "b"
    selection.move(99)
    assert selection.id == "c"
    selection.move(-99)
    assert selection.id == "0"


def test_no_other_row_takes_the_place_of_one_that_has_gone() -> None:
    selection = RowSelection()
    selection.update(["a", "b", "c"])
    selection.move(1)
    selection.update(["a", "c"])
    assert selection.id is None
    selection.move(1)
    assert selection.id == "c"
    selection.update(["d"])
    selection.move(-1)
    assert selection.id == "d"


def test_a_list_that_is_not_there_for_a_while_changes_nothing() -> None:
    selection = RowSelection()
    selection.update(["a", "b"])
    selection.move(1)
    selection.update([])
    selection.update(["a", "b"])
    assert selection.id == "b"


def test_the_window_follows_the_selected_row() -> None:
    selection = RowSelection()
    selection.update(list("abcdefghij"))
    assert list(selection.window(3)) == [0, 1, 2]
    selection.move(3)
    assert list(selection.window(3)) == [1, 2, 3]
    selection.move(-1)
    assert list(selection.window(3)) == [1, 2, 3]
    selection.move(-2)
    assert list(selection.window(3)) == [0, 1, 2]
    selection.move(99)
    assert list(selection.window(4)) == [6, 7, 8, 9]
    assert list(selection.window(99)) == list(range(10))
    selection.update(["a"])
    assert list(selection.window(3)) == [0]


@pytest.mark.parametrize(("no_color", "is_plain"), [("", False), ("1", True)])
def test_a_live_screen_is_as_plain_as_a_printed_table(
    monkeypatch: pytest.MonkeyPatch, no_color: str, is_plain: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", no_color)
    shown = palette.style()
    for name in SGR:
        attributes = shown.get_attrs_for_style_str(f"class:{name}")
        assert (attributes.bold or attributes.color != "") != is_plain, name
