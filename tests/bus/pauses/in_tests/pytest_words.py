"""What starts pytest in a run."""

PYTEST = ("-m", "pytest", "--tb=short")
PAUSE = "--lager-pause"
