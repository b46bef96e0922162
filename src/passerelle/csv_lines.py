"""CSV, written line by line and safe to open in a spreadsheet."""

from typing import Any


def harmless(value: Any) -> Any:
    """A spreadsheet takes some beginnings for a formula: then it is told that it is text."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value


class Echo:
    """Gives back what is written: csv.writer wants a file."""

    def write(self, line: str) -> str:
        return line
