"""The process that sets the safe state of an instrument; no other process of lagerd opens a device."""
