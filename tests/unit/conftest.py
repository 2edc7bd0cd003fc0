"""What plays a script loses no message: no pause is needed between two (`pause` of lager.nets.talk)."""

import pytest

from lager.instruments.sessions.scpi import Scpi


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scpi, "_wait_until_ready", lambda _: None)
