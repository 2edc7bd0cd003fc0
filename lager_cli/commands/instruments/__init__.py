"""The commands that use an instrument: one for each type of net, and `lager lend` and `return`."""
