"""How an error is paused at in a run with --pause-on-error."""

ON = ("--pause-on-error",)
BEFORE = "before its finally blocks have run"
AFTER = "after its finally blocks have run"
