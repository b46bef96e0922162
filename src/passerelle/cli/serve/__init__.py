"""`passerelle serve`: the production server."""

from passerelle.cli.serve.command import add_parser as add_parser
