"""The kernel's part: processes, changes of files, terminals."""
