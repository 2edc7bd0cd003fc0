"""Nets of the public lager project, as entries of a nets file."""
