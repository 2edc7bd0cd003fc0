"""Functions of the kernel: processes, changes of files, terminals."""
