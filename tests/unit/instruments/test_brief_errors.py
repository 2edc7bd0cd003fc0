"""What a script sees of an error that was raised behind a call of lager's."""

import traceback
from typing import Any

import pytest

from lager.errors import InstrumentError
from lager.instruments.brief_errors import briefly


@briefly
def read() -> None:
    try:
        raise OSError("the cable")
    except OSError as error:
        raise InstrumentError("It cannot be reached.") from error


def shown(call: Any) -> str:
    try:
        call()
    except InstrumentError as error:
        return "".join(traceback.format_exception(error))
    pytest.fail("nothing was raised")


def while_another_is_handled() -> None:
    try:
        raise KeyError("of the script")
    except KeyError:
        read()


def test_an_error_behind_the_error_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAGER_DEBUG", raising=False)
    text = shown(read)
    assert "the cable" not in text
    assert text.count("brief_errors.py") == 2  # this file and ours
    assert ", in read\n" in text


def test_an_error_that_the_script_was_handling_is_shown() -> None:
    text = shown(while_another_is_handled)
    assert "KeyError: 'of the script'" in text
    assert "the cable" not in text


def test_an_error_behind_the_error_is_shown_to_who_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAGER_DEBUG", "1")
    assert "OSError: the cable" in shown(read)


def test_an_error_that_is_not_lagers_is_shown_whole() -> None:
    @briefly
    def fails() -> None:
        return inner()

    def inner() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        fails()
    assert [entry.name for entry in caught.traceback[-2:]] == ["fails", "inner"]
