"""The process: its end, its forks and threads, and calls of Linux."""
