"""Sweeps: many rows, and what becomes of them."""
