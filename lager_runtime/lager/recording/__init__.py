"""Records readings of nets row by row, including gaps, for `lager.Recorder` and `lager log`."""
