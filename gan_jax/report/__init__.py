"""What is made from results: the README's tables (readme.py)."""
