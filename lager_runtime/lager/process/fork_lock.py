"""Makes a fork wait while another thread imports a module of lager; otherwise the child would wait for the import
forever."""

import _thread  # the lock of threading, without the import
import os

wait = _thread.RLock()
# For the client's thread: a signal handler may pause in a thread that holds the other one, and needs the client.
wait_in_client = _thread.RLock()
for _lock in (wait, wait_in_client):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)
