"""Evaluators, by the kind of data they apply to: synthetic distributions, and images."""
