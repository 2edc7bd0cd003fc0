"""How a run ends: by itself, by `lager python --kill`, or with a killed `lager python`."""
