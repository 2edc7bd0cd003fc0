"""How a run ends: on its own, by `lager python --kill`, or when `lager python` is killed."""
