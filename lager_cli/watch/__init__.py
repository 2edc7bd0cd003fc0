"""`lager breakpoints --watch`: pauses as they come and go."""
