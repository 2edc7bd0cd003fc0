"""A fork waits while another thread imports something of ours: its child would wait for ever for the end of that."""

import _thread  # as threading has it, without the rest
import os

wait = _thread.RLock()
os.register_at_fork(before=wait.acquire, after_in_parent=wait.release, after_in_child=wait.release)
