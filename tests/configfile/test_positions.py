"""Where each value stands, whatever way it is written."""

import tomllib

from passerelle.configfile.positions import lines_of_values
from tests.configfile.files import EXAMPLE

EVERY_WAY = '''\
# A comment with [brackets] and "quotes", = and # signs
title = "a # b" # c
"quoted key" = 1
'literal key' = 1979-05-27 07:32:00
dotted.keys."of three" = 0xdead_beef
text = """
one = 1
[two]
""""
raw = \'\'\'
[[three]]\'\'\'
escaped = "\\"]\\\\"
numbers = [
  1, # [2]
  [2, 3],

  [
    4,
    { a = "]", b.c = [
      5,
    ] },
  ],
]
empty = []
inline = { x = 1, "y z" = { w = """
""" } }
[ a . b ]
c = inf
[[list]]
name = 'first'
  [[list.inner]]
  name = "inner of the first"
  [list.inner.table]
  deep = true
  [[list.inner]]
  name = "second inner"
[[list]]
  [[list.inner]]
  [list.other]
  name = """\\
    folded"""
[a.d]
last = 1.5e3\
'''


def places(value, place=()):
    """Every way into a parsed file."""
    if place:
        yield place
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in pairs:
        if isinstance(one, dict | list):
            yield from places(one, (*place, key))
        else:
            yield (*place, key)


def line(start):
    """The number of the line that starts so."""
    lines = EVERY_WAY.splitlines()
    (found,) = [n for n, one in enumerate(lines, 1) if one.strip().startswith(start)]
    return found


def test_every_value_of_a_file_has_a_line_and_nothing_else_has():
    for text in (EVERY_WAY, EXAMPLE, EVERY_WAY.replace("\n", "\r\n"), ""):
        assert set(lines_of_values(text)) == set(places(tomllib.loads(text)))


def test_a_value_stands_where_it_begins():
    lines = lines_of_values(EVERY_WAY)
    expected = {
        ("title",): "title",
        ("quoted key",): '"quoted key"',
        ("dotted", "keys", "of three"): "dotted",
        ("text",): "text",
        ("raw",): "raw",
        ("numbers",): "numbers",
        ("numbers", 0): "1, #",
        ("numbers", 1, 1): "[2, 3]",
        ("numbers", 2, 0): "4,",
        ("numbers", 2, 1, "a"): "{ a",
        ("numbers", 2, 1, "b", "c"): "{ a",
        ("numbers", 2, 1, "b", "c", 0): "5,",
        ("inline", "y z", "w"): "inline",
        ("a", "b", "c"): "c = inf",
        ("list", 0, "inner", 0, "name"): 'name = "inner of the first"',
        ("list", 0, "inner", 0, "table", "deep"): "deep",
        ("list", 0, "inner", 1, "name"): 'name = "second inner"',
        ("list", 1, "other", "name"): 'name = """',
        ("a", "d", "last"): "last",
    }
    assert {place: lines[place] for place in expected} == {
        place: line(start) for place, start in expected.items()
    }


def test_the_second_of_several_tables_has_its_own_line():
    lines = lines_of_values(EXAMPLE)
    text = EXAMPLE.splitlines()
    assert text[lines["companies", 0, "permission_sets", 1] - 1].strip().startswith("[[")
    name = text[lines["companies", 0, "permission_sets", 1, "name"] - 1]
    assert name.strip() == 'name = "Administrator"'
