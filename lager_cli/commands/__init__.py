"""The `lager` commands, by subject."""
