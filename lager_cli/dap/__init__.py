"""The Debug Adapter Protocol on standard input and output, for editors: attach to a paused script, or run one."""
