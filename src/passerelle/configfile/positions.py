"""Where in a TOML file each value stands, for messages.

The parser keeps no positions, so when there is something to report the file is read once more, for
its shape only. It is known to be valid by then, which makes that short.
"""

import re
import tomllib

Place = tuple[int | str, ...]
"""The way to a value: keys and positions, such as ("companies", 0, "name")."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_SCALAR = re.compile(
    r""""{3}(?:\\.|[^\\])*?"{3,5}|'{3}.*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^,\]}#\n]+""",
    re.DOTALL,
)


def lines_of_values(text: str) -> dict[Place, int]:
    """The line on which each table, key and element of a valid file begins, counted from 1."""
    return _Reader(text).lines


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.lines: dict[Place, int] = {}
        self.last: dict[Place, int] = {}
        """For each array of tables, the position of its last table so far."""
        table: Place = ()
        while not self._ended():
            if self._takes("[["):
                table = self._header(array=True)
            elif self._takes("["):
                table = self._header(array=False)
            else:
                self._pair(table)

    def _ended(self) -> bool:
        self.at = self._match(_BLANK).end()
        return self.at >= len(self.text)

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self.text, self.at)
        assert found is not None
        return found

    def _takes(self, token: str) -> bool:
        found = self.text.startswith(token, self.at)
        self.at += len(token) if found else 0
        return found

    def _note(self, place: Place, line: int) -> None:
        for length in range(1, len(place) + 1):
            self.lines.setdefault(place[:length], line)

    def _line(self) -> int:
        return self.text.count("\n", 0, self.at) + 1

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._ended()
            found = self._match(_KEY)
            self.at = found.end()
            keys.append(next(iter(tomllib.loads(f"{found[0]} = 0"))))
            dot = _DOT.match(self.text, self.at)
            if dot is None:
                return keys
            self.at = dot.end()

    def _header(self, *, array: bool) -> Place:
        line = self._line()
        *parents, name = self._keys()
        table: Place = ()
        for key in parents:
            table = self._within((*table, key))
        table = (*table, name)
        if array:
            self.last[table] = self.last.get(table, -1) + 1
        table = self._within(table)
        self._note(table, line)
        self._ended()
        self.at += 2 if array else 1
        return table

    def _within(self, table: Place) -> Place:
        """The last table of an array of tables, or the table itself."""
        return (*table, self.last[table]) if table in self.last else table

    def _pair(self, table: Place) -> None:
        line = self._line()
        place = (*table, *self._keys())
        self._note(place, line)
        self._ended()
        self._takes("=")
        self._ended()
        self._value(place)

    def _value(self, place: Place) -> None:
        if self._takes("["):
            count = 0
            while not self._closes("]"):
                self._note((*place, count), self._line())
                self._value((*place, count))
                count += 1
        elif self._takes("{"):
            while not self._closes("}"):
                self._pair(place)
        else:
            self.at = self._match(_SCALAR).end()

    def _closes(self, bracket: str) -> bool:
        """Pass what stands between two elements; tell whether there is no other."""
        self._ended()
        if self._takes(","):
            self._ended()
        return self._takes(bracket)
