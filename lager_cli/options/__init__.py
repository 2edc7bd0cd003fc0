"""Shared parts of commands: options, --box, completion, and parsers."""
