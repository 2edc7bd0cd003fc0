"""A box that is this machine: a real ssh and a real sshd, with keys of their own, joined by a pipe and no port."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.processes import LAGER

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ["PATH"])
_SERVER = """
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
UsePAM no
PidFile none
Banner {folder}/banner
SetEnv {setenv}
"""
_CLIENT = """
Host near other
 ProxyCommand {sshd} -i -f {folder}/sshd.conf
 IdentityFile {folder}/key
 UserKnownHostsFile {folder}/known
Host stranger
 ProxyCommand {sshd} -i -f {folder}/sshd.conf
 IdentityFile {folder}/key
 UserKnownHostsFile /dev/null
Host keyless
 ProxyCommand {sshd} -i -f {folder}/sshd.conf
 IdentityFile {folder}/wrong
 UserKnownHostsFile {folder}/known
Host refusing
 HostName 127.0.0.1
 Port 1
Host *
 # The default of ssh takes each end a tenth of a second, and is for those who keep what they overhear for decades.
 KexAlgorithms curve25519-sha256
 IdentitiesOnly yes
 HostKeyAlias box
 StrictHostKeyChecking yes
 GlobalKnownHostsFile /dev/null
"""


# lager with sessions that are lost after four seconds of silence, not after twelve.
HURRIED = """
from lager_cli.boxes.session import multiplexer
multiplexer.BEAT_SECONDS, multiplexer.LOST_SECONDS = 0.5, 4.0
from lager_cli import main
main.main()
"""


def missing() -> str:
    """Return why there can be no such box here, or an empty text."""
    if SSHD is None or shutil.which("ssh") is None:
        return "a box needs: apt-get install openssh-client openssh-server"
    return "sshd starts as root" if os.geteuid() != 0 else ""


class Loopback:
    """The boxes near and other can be used; stranger has an unknown host key, keyless lets nobody in, refusing has no
    sshd. `theirs` is the environment of whoever comes in."""

    def __init__(self, folder: Path, theirs: Mapping[str, str]) -> None:
        self.folder = folder
        os.makedirs("/run/sshd", exist_ok=True)
        for name in ("host", "key", "wrong"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        shutil.copy(folder / "key.pub", folder / "authorized")
        (folder / "known").write_text("box " + (folder / "host.pub").read_text())
        (folder / "banner").write_text("Authorised users only.\n")
        # At a SHLVL of its own, bash does not read the ~/.bashrc of whoever runs the tests, which may take a second.
        setenv = " ".join(f'"{name}={value}"' for name, value in {**theirs, "SHLVL": "1"}.items())
        (folder / "sshd.conf").write_text(_SERVER.format(folder=folder, setenv=setenv))
        (folder / "ssh.conf").write_text(_CLIENT.format(folder=folder, sshd=SSHD))
        self.env = {"LAGER_SSH": f"ssh -F {folder}/ssh.conf", "XDG_CONFIG_HOME": str(folder / "config")}
        self.table("".join(f'[boxes.{name}]\nssh = "{name}"\ncommand = "{LAGER}"\n' for name in _NAMES))

    def table(self, text: str) -> None:
        """The user's table of boxes."""
        (self.folder / "config" / "lager").mkdir(parents=True, exist_ok=True)
        (self.folder / "config" / "lager" / "config.toml").write_text(text)

    def answering(self, program: str, beside: str = "") -> None:
        """The box other has this Python program in place of lager; beside it there is at most one that has lager."""
        file = self.folder / "program"
        file.write_text(f"#!{sys.executable}\n{program}")
        file.chmod(0o755)
        lager = f'[boxes.{beside}]\nssh = "{beside}"\ncommand = "{LAGER}"\n' if beside else ""
        self.table(f'[boxes.other]\nssh = "other"\ncommand = "{file}"\n{lager}')


_NAMES = ("near", "other", "stranger", "keyless", "refusing")
