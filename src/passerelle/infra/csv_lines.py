"""CSV, written line by line and safe to open in a spreadsheet."""

import re
from typing import Any

# A spreadsheet may cut a line at other signs than the comma that we write, and may not know that a
# quoted cell has several lines. So a formula can begin behind each of these, whatever quotes and
# white space come first. The full-width signs count in East Asian versions.
_CUT = '(?:^|[,;|\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029])[\\s"]*'
_SIGN = "[=+\\-@\uff1d\uff0b\uff0d\uff20]"
# What has the apostrophe already gets another one: only so is taking one away the way back.
_FORMULA = re.compile(f"({_CUT})('*{_SIGN})")
_MARKED = re.compile(f"({_CUT})'('*{_SIGN})")


def harmless(value: Any) -> Any:
    """What a spreadsheet would take for a formula is told to be text, by an apostrophe."""
    return _FORMULA.sub(r"\1'\2", value) if isinstance(value, str) else value


def as_it_was(cell: str) -> str:
    """A cell without the apostrophes that `harmless` has put there."""
    return _MARKED.sub(r"\1\2", cell)


class Echo:
    """Gives back what is written: csv.writer wants a file."""

    def write(self, line: str) -> str:
        return line
