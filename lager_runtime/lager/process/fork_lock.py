"""Makes a fork wait while another thread imports a module of lager; otherwise the child would wait for the import
forever."""

import _thread  # the lock of threading, without the import
import os

wait = _thread.RLock()
os.register_at_fork(before=wait.acquire, after_in_parent=wait.release, after_in_child=wait.release)
