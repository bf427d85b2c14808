"""Evaluators, by the kind of data they apply to: laws with a density, and images."""
