"""Training: the host loop, and the programs that it dispatches."""
