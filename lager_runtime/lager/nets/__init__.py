"""Reads and checks the nets file. Opens no instrument."""
