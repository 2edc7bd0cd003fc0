"""docs/api.md, which is written from the docstrings, and what dir() shows."""

import re

import pytest

import lager
from lager.instruments.drivers.base.driver import public_names
from lager.instruments.net import Net
from lager.nets import catalog
from lager.nets.model import NetType
from tests import reference
from tests.unit.drivers.families import FAMILIES


def test_the_page_is_what_the_docstrings_say() -> None:
    assert reference.PAGE.read_text() == reference.written(), "write it again: python -m tests.reference > docs/api.md"


@pytest.mark.parametrize("type", NetType)
def test_every_public_method_has_a_row_and_a_first_sentence_of_its_own(type: NetType) -> None:
    page = reference.PAGE.read_text()
    section = page.split(f"## NetType.{type.name} ")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `\.?(\w+)[^|]*\|([^|]*)\|([^|]*)\|", section, re.MULTILINE)
    names = [name for name in public_names(reference.classes()[type]) if name not in reference.COMMON]
    assert [name for name, _, _ in rows] == names
    assert all(what.strip().endswith(".") for _, _, what in rows)


def test_readings_of_a_physical_quantity_have_a_unit() -> None:
    page = reference.PAGE.read_text()
    for method, unit in (
        ("set_voltage(volts)", "V"), ("measured_current()", "A"), ("measured_power()", "W"),
        ("resistance(value=…)", "Ω"),
        ("soc(value=…)", "%"), ("capacity(value=…)", "Ah"), ("esr(value=…)", "Ω"), ("get_ovp_limit()", "V"),
    ):  # fmt: skip
        assert f"| `{method}` | {unit} |" in page


def test_dir_shows_what_is_public_and_nothing_else() -> None:
    assert dir(lager) == sorted(lager.__all__)
    assert dir(Net) == ["get", "list_saved", "look"]
    for family in ("dp800", "battery", "load"):
        one = FAMILIES[family]
        with one.playing([]) as net:
            shown = dir(net)
            assert shown == public_names(type(net))
            assert not [name for name in shown if name.startswith("_") or name in ("session", "prepare", "config")]
            assert {"close", "enable", "name", "state", "type"} <= set(shown)


def test_each_driver_has_the_methods_of_its_net_type() -> None:
    import importlib

    for family in catalog.FAMILIES:
        module = importlib.import_module(f"lager.instruments.drivers.{family.module}")
        for type, name in family.drivers.items():
            assert public_names(getattr(module, name)) == public_names(reference.classes()[type])
