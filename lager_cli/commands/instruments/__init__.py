"""The commands that use an instrument: one for each type of net, and `lager off`, `lend` and `return`."""
