"""The terminal of a run: Enter, the countdown, typed answers, and pauses whose banner is not visible."""
