"""Simulated devices that measure and set many signals."""
