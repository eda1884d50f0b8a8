"""Ratios in one run, against what a user would pick instead: `make bench`, or `python -m bench`."""
