"""The pause in the script's own process, and everything that starts one."""
