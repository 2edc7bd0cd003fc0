"""The boxes that answer, as most tables of boxes begin."""

from tests.processes import LAGER

TWO_BOXES = f"""
[boxes.near]
ssh = "near"
command = "{LAGER}"
[boxes.other]
ssh = "other"
command = "{LAGER}"
"""
