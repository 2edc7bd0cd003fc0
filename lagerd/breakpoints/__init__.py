"""com.lager.Breakpoints: the table of pauses, and its interface on the bus."""
