"""The base classes of drivers."""
