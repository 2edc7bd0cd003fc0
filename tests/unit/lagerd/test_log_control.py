import logging
from collections.abc import Iterator
from typing import Any

import pytest

from lager.errors import InvalidArgument
from lagerd.service import log_control


@pytest.fixture(autouse=True)
def _level_as_it_was() -> Iterator[None]:
    level = logging.getLogger().level
    yield
    logging.getLogger().setLevel(level)


@pytest.mark.parametrize(
    ("set_", "read"), [("debug", "debug"), ("info", "info"), ("notice", "info"), ("err", "err"), ("emerg", "crit")]
)
def test_the_log_level_is_read_and_set(set_: str, read: str) -> None:
    properties = log_control.interface()
    properties.setters["LogLevel"](set_)
    assert properties.properties["LogLevel"][1]() == read


@pytest.mark.parametrize("name", ["LogLevel", "LogTarget"])
@pytest.mark.parametrize("value", ["loud", "", 3, None, ["debug"]])
def test_an_invalid_level_or_target_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidArgument):
        log_control.interface().setters[name](value)
