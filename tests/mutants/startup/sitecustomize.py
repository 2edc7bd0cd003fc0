"""Python imports this at its start where `tests.mutants.changed` has put this folder on its path."""

from tests.mutants.changed import change_as_told

change_as_told()
