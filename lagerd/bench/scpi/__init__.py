"""The simulated side of SCPI: the language, the status registers, the instrument."""
