"""An upgrade and a downgrade while scripts are paused: the lagerd of the other version takes over every pause."""

from pathlib import Path

import pytest

from tests.box import container
from tests.box.container import Box
from tests.box.people import call, held, listed, paused, stands, start

PREVIOUS = Path(__file__).with_name("lager_box-0.21.0-py3-none-any.whl")


def change_to(box: Box, wheel: Path) -> None:
    """Run the commands of an administrator: install the wheel, install the units, restart."""
    target = box.root / "opt" / "other" / wheel.name
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(wheel.read_bytes())
    box.run(
        "python", "-m", "pip", "install", "--no-index", "--no-deps", "--force-reinstall", "--quiet",
        "--root-user-action=ignore", f"/opt/other/{wheel.name}",
    )  # fmt: skip
    box.run("lagerd", "install")
    box.run("systemctl", "restart", "lagerd")


@pytest.mark.slow
@pytest.mark.parametrize("direction", ["upgrade", "downgrade"])
def test_a_paused_script_is_resumed_by_the_other_version(wheel: Path, direction: str) -> None:
    first, second = (PREVIOUS, wheel) if direction == "upgrade" else (wheel, PREVIOUS)
    with container.booted(first) as box:
        container.install(box)
        box.run("gpasswd", "-M", "alice,bob", "lager")
        box.run("systemctl", "start", "lagerd")
        one, other = paused(box, "alice", 3000), paused(box, "bob", 3000, interactive=True)
        with one.process, other.process:
            holder, run = start(box, "alice", 3000, holding="psu1")
            with (script := stands((holder, run))).process:
                before = listed(box)
                change_to(box, second)
                after = listed(box)
                assert after.keys() == before.keys() == {one.id, other.id, script.id}
                assert all(after[id]["since"] == pytest.approx(before[id]["since"], abs=0.01) for id in before)
                assert held(box).keys() == {"psu1"}
                assert one.id in box.run("lager", "breakpoints", user="bob").stdout
                box.run("lager", "python", "--continue", one.id, user="alice")
                assert "resumed by alice with lager python --continue" in one.goes_on()
                call(box, "bob", "Continue", "s", other.id)
                assert "resumed by bob" in other.goes_on()
                call(box, "root", "ContinueAll")
                assert "resumed by root" in script.goes_on()
        assert "lager" not in box.run("find", "/etc/systemd/system", "-xtype", "l").stdout
        with (new := paused(box, "alice")).process:
            box.run("lager", "python", "--continue", new.id, user="alice")
            new.goes_on()
