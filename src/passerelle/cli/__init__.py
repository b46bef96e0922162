"""The command line: `main` chooses, one module for each command."""
