"""`passerelle demo`: a sample company and a practice identity provider, ready to try."""

from passerelle.cli.demo.command import add_parser as add_parser
