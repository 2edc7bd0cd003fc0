"""Lets systemd send the journal of this box to a collector, for `lagerd install --journal-upload URL`.

It writes two drop-ins for systemd's own files: the URL, and a setting that systemd keeps trying while the collector is
unavailable. The configuration of the administrator still applies, such as the certificates in
/etc/systemd/journal-upload.conf.
"""

from pathlib import Path
from urllib.parse import urlsplit

from lager.errors import LagerError
from lager.wording.text import printable

UNIT = "systemd-journal-upload.service"
CONFIG = "etc/systemd/journal-upload.conf.d/lager.conf"
RESTARTS = f"etc/systemd/system/{UNIT}.d/lager.conf"
FILES = (CONFIG, RESTARTS)
_PROGRAMS = ("usr/lib/systemd/systemd-journal-upload", "lib/systemd/systemd-journal-upload")
_WRITTEN = "# Written by `lagerd install --journal-upload`, and removed by `lagerd uninstall`.\n"
# Without it, systemd gives up after five attempts in ten seconds: systemd.unit(5), StartLimitIntervalSec=.
_AGAIN = "[Unit]\nStartLimitIntervalSec=0\n\n[Service]\nRestart=always\nRestartSec=5s\n"


def files(root: Path, url: str) -> dict[str, str]:
    """Return the text of each file below `root`. Raises LagerError if the URL or the program cannot be used."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not url.isascii() or not url.isprintable() or set(url) & set(" \\\"'%"):
        what = f"{printable(url, 100)!r} is not a URL to which a journal can be sent."
        raise LagerError(what, "Give one like https://collector.example.com:19532")
    if not any((root / place).exists() for place in _PROGRAMS):
        raise LagerError(
            "systemd-journal-upload is not installed.", "Type: sudo apt-get install systemd-journal-remote"
        )
    return {CONFIG: f"{_WRITTEN}[Upload]\nURL={url}\n", RESTARTS: _WRITTEN + _AGAIN}
