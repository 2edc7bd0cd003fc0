"""Reads parts of a net in the nets file: its safe state, its watchdogs, the settings of its serial line."""
