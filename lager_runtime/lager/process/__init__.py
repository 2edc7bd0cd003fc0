"""The process: its end, its forks and threads, and Linux system calls."""
