"""The `lager` commands, by what they are about."""
