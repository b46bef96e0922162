"""What is printed for people: nothing that others sent commands a terminal or forges a line."""

import sys


def printable(text: str) -> str:
    """A line with whatever moves a cursor, turns text around or ends lines written as an escape."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def say(*lines: str) -> None:
    sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))


class UsageError(Exception):
    """Wrong arguments, a file that cannot be read, or a configuration that cannot be used."""
