"""notify.toml: what it takes, and mistakes as sentences that show no secret."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lager.errors import LagerError
from lager_cli.notify import config
from lager_cli.notify.config import ConfigError, Limits, NotifyConfig, load
from lager_cli.notify.send_process import hidden
from lager_cli.notify.sender import require_apprise

SECRET = "hunter2secret"
URL = f"json://anna:{SECRET}@example.com/{SECRET}"


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Any]:
    def load_text(text: Any) -> NotifyConfig:
        (tmp_path / "notify.toml").write_text(text)
        return load(tmp_path / "notify.toml")

    return load_text


def test_a_url_is_enough(read: Callable[..., Any]) -> None:
    found = read(f'urls = ["{URL}"]')
    assert [(target.number, target.name) for target in found.targets] == [(1, "url 1 (json)")]
    assert found.events == frozenset(config.EVENTS)
    assert (found.resumes_soon, found.waiting, found.box, found.limits) == (60.0, 600.0, "", Limits(10, 8, 30.0))


def test_every_key_is_taken(read: Callable[..., Any]) -> None:
    found = read(
        f'urls = ["{URL}", "ntfys://x", "{URL}"]\nevents = ["paused"]\nresumes_soon = "2m"\nwaiting = 90\nbox = "b"\n'
        '[limits]\nmessages = 0\ntries = 1\ntimeout = "5s"\n'
    )
    assert [target.name for target in found.targets] == ["url 1 (json)", "url 2 (ntfys)"]
    assert (found.events, found.resumes_soon, found.waiting, found.box) == (frozenset(["paused"]), 120.0, 90.0, "b")
    assert found.limits == Limits(0, 1, 5.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it names no urls"),
        ("urls = []", "urls must be a list of at least one URL"),
        (f'urls = "{URL}"', "urls must be a list of at least one URL"),
        (f'urls = ["{URL}", "{SECRET}"]', "number 2 does not begin like mailto:// or json://"),
        (f'urls = ["{URL}\\n{SECRET}"]', "number 1 does not begin like"),
        (f'urls = ["{URL}"]\nevent = ["{SECRET}"]', "unknown key event (did you mean events?)"),
        (f'urls = ["{URL}"]\nevents = ["{SECRET}"]', "events must be a list of some of paused, question"),
        (f'urls = ["{URL}"]\nevents = []', "events must be a list of some of"),
        (f'urls = ["{URL}"]\n"{SECRET}://" = 1', "a key is not one of urls, events"),
        (f'urls = ["{URL}"]\n{SECRET} = 1', "a key is not one of urls, events"),
        (f'urls = ["{URL}"]\nwaiting = "{SECRET}"', 'waiting must be a time greater than 0, like 90, "90s" or "10m"'),
        (f'urls = ["{URL}"]\nwaiting = 0', "waiting must be a time greater than 0"),
        (f'urls = ["{URL}"]\nresumes_soon = true', "resumes_soon must be a time greater than 0"),
        (f'urls = ["{URL}"]\nwaiting = inf', "waiting must be a time greater than 0"),
        (f'urls = ["{URL}"]\nwaiting = nan', "waiting must be a time greater than 0"),
        (f'urls = ["{URL}"]\nbox = "-x"', "box must be the name that --box takes"),
        (f'urls = ["{URL}"]\nlimits = "{SECRET}"', "limits must be a table"),
        (f'urls = ["{URL}"]\n[limits]\ntries = 0', "limits.tries must be a whole number from 1 to 100"),
        (f'urls = ["{URL}"]\n[limits]\nmessage = 5', "unknown key limits.message (did you mean limits.messages?)"),
        (f'urls = ["{URL}', "it is not valid TOML (at "),
        (f"urls = {URL}", "it is not valid TOML (at line 1, column"),
        (f'[{SECRET}]\n[{SECRET}]\n', "it is not valid TOML (at line 2, column"),
    ],
)  # fmt: skip
def test_a_mistake_is_a_sentence_without_the_secret(read: Callable[..., Any], text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.exit_code == 78


def test_every_mistake_is_named(read: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match=r"urls must be .*; waiting must be") as caught:
        read("urls = 1\nwaiting = -1\n[limits]\ntries = 0")
    assert "limits.tries must be" in str(caught.value)


def test_a_missing_file_says_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"There is no file .*notify.toml. Write one"):
        load(tmp_path / "notify.toml")


def test_the_service_reads_the_copy_that_systemd_made_and_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "notify.toml").write_text(f'urls = ["{URL}"]\nevents = 1')
    with pytest.raises(ConfigError, match=r"^/etc/lager/notify.toml is invalid: events must"):
        load()


@pytest.mark.parametrize(("mode", "said"), [(0o600, False), (0o640, False), (0o644, True)])
def test_a_file_that_every_user_can_read_is_pointed_out(tmp_path: Path, mode: int, said: bool) -> None:
    file = tmp_path / "notify.toml"
    file.touch()
    file.chmod(mode)
    assert bool(config.others_read(file)) is said
    assert config.others_read(tmp_path / "missing") == ""


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (URL, f"cannot reach http://anna:{SECRET}@example.com"),
        ("mailto://anna:p%40ss%20word@example.com", "535 'p@ss word' is wrong, said EXAMPLE.COM of anna"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXr/", "POST /services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXr"),
        ("json://h/?token=a+b+c", "the token 'a b c' and 'a+b+c'"),
    ],
)  # fmt: skip
def test_a_reason_has_no_part_of_the_url(url: str, said: str) -> None:
    shown = hidden(said, url).lower()
    for part in (SECRET, "anna", "p@ss", "word", "example", "t1jj3t3l2", "tiiajkdnlazkcoxr", "a b c", "a+b+c"):
        assert part not in shown


@given(st.text("abcdefgh0123456789-_.~%", min_size=3, max_size=30), st.text(max_size=20), st.text(max_size=20))
def test_no_token_of_a_url_is_ever_shown(token: Any, before: Any, after: Any) -> None:
    assert token not in hidden(f"{before}{token}{after}", f"json://user:{token}@host/").replace("***", "")


def test_without_apprise_the_command_to_install_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(LagerError, match=r"which is not installed. It is the extra .* -m pip install apprise$"):
        require_apprise()
