"""The clients of a console that only follow: the script never waits for them."""
