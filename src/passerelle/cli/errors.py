"""What ends a command with one line on standard error and exit status 2."""


class UsageError(Exception):
    """Wrong arguments, a file that cannot be read, or a configuration that cannot be used."""
