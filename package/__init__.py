"""Builds the Debian package of a bench box: `python -m package.deb`, or `make deb`. No part of what it installs."""
