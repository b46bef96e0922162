"""Cells of our downloads: no spreadsheet runs them, wherever it cuts a line."""

import csv
import io
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from passerelle.infra.csv_lines import Echo, as_it_was, harmless

SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20"
texts = st.text(st.sampled_from([*SIGNS, *"'\",;|\t\n\r \u2028\u00a0ax1"]), max_size=12)
many = settings(deadline=None, max_examples=1000, database=None)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1", "'=1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\t=1", "\t'=1"),
        ("'=1", "''=1"),
        ("\uff1d1", "'\uff1d1"),
        ('Ada;=HYPERLINK("x")', 'Ada;\'=HYPERLINK("x")'),
        ('Ada; "=1', "Ada; \"'=1"),
        ("Ada\t+1", "Ada\t'+1"),
        ("Ada,-1", "Ada,'-1"),
        ("Ada\r\n@x", "Ada\r\n'@x"),
        ("Jean-Pierre", "Jean-Pierre"),
        ("Sales - EMEA", "Sales - EMEA"),
        ("2031-03-04T05:06:07+00:00", "2031-03-04T05:06:07+00:00"),
        (-3, -3),
    ],
)
def test_what_a_spreadsheet_would_run_becomes_text(text, written):
    assert harmless(text) == written


@many
@given(st.lists(texts, min_size=1, max_size=3), st.sampled_from([",", ";", "\t", "|"]))
@example(["a", '=1"'], ";")
def test_no_cell_begins_a_formula_wherever_a_spreadsheet_cuts_the_line(cells, separator):
    line = csv.writer(Echo()).writerow([harmless(one) for one in cells])
    for part in re.split(f"[{separator}\r\n\u2028]", line):
        assert re.sub(r'^[\s"]+', "", part)[:1] not in {*SIGNS}, line
    for row in csv.reader(io.StringIO(line, newline=""), delimiter=separator):
        assert not any(one.strip()[:1] in {*SIGNS} for one in row), line


@many
@given(texts)
def test_what_we_have_marked_is_read_back_as_it_was(text):
    assert as_it_was(harmless(text)) == text
