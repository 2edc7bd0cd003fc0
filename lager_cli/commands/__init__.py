"""One module for each `lager` command, and what they share."""
