"""Reads what a net says of itself: its safe state, its watchdogs, the settings of its serial line."""
