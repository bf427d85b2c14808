"""What a process meets on its machine: files, environment, output, signals."""
