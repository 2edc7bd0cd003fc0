import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import needs
from tests.box import container, packages
from tests.box.container import Box

CHECKOUT = Path(__file__).parents[2]
_HERE = f"{Path(__file__).parent}/"


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each room is a group of its own, which a worker runs in boxes that it boots once."""
    for item in items:
        if str(item.path).startswith(_HERE):
            item.add_marker(pytest.mark.xdist_group(f"box-{item.path.parent.name}"))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs.nothing_more(container.missing())
    return container.build_wheel(CHECKOUT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Debian package of this commit."""
    needs.nothing_more(container.missing())
    return packages.build(CHECKOUT, tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="session")
def clean_box(wheel: Path) -> Iterator[Box]:
    """A box without lager, but with the packages that its wheel depends on."""
    with container.booted(wheel) as box:
        yield box


@pytest.fixture(scope="session")
def box(wheel: Path) -> Iterator[Box]:
    """A box where lagerd is installed and runs, as an administrator would do it; alice and bob may use it."""
    with in_use(wheel) as box:
        yield box


@pytest.fixture
def own_box(wheel: Path) -> Iterator[Box]:
    """Such a box for one test alone, which may break its system."""
    with in_use(wheel) as box:
        yield box


@pytest.fixture
def rebooting_box(wheel: Path) -> Iterator[Box]:
    """Such a box, which a test may reboot."""
    with in_use(wheel, reboots=True) as box:
        yield box


@contextlib.contextmanager
def in_use(wheel: Path, *, reboots: bool = False) -> Iterator[Box]:
    with container.booted(wheel, reboots=reboots) as box:
        container.install(box)
        box.run("gpasswd", "-M", "alice,bob", "lager")
        box.run("systemctl", "start", "lagerd")
        yield box


@pytest.fixture
def bench(box: Box) -> Iterator[None]:
    """A simulated bench on the box, which is the bench of everybody there."""
    box.run("mkdir", "-p", "-m", "700", "/run/bench")
    with box.start("python", "-m", "lagerd.bench", "--folder", "/run/bench", "--ready-fd", "1") as process:
        process.until("ready")
        box.write("/etc/lager/nets.toml", box.run("cat", "/run/bench/nets.toml").stdout)
        yield
    box.run("rm", "/etc/lager/nets.toml")
