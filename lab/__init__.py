"""The world of a lab stack on one Linux machine: an internet, offices behind NAT, machines.

`python -m lab --help` lists the verbs; lab/README.md has the picture.
"""
