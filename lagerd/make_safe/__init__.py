"""The process that sets the safe state of an instrument; the only one of lagerd's that opens a device."""
