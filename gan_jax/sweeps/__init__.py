"""Sweeps: how rows are made, trained together and compared."""
