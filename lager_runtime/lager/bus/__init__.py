"""D-Bus for all three packages: the only room that knows how messages are carried."""
