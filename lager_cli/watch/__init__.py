"""`lager breakpoints --watch`: a live list of the pauses."""
