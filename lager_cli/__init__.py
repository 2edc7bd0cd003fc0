"""The `lager` command."""
