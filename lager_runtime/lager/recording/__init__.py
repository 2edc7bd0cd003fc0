"""Records what nets measure, row by row, honest about gaps: for `lager.Recorder` and `lager log`."""
