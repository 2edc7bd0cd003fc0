"""What the kernel tells: processes, files that change, terminals."""
