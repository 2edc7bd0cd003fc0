"""`lagerd install` and `lagerd uninstall`."""
