"""Drivers of devices that measure and set many signals."""
