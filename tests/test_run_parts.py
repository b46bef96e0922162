"""`make test` runs every part and forgets no failure."""

import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parent / "run-parts"


def run_parts(*words: str) -> tuple[int, list[str]]:
    done = subprocess.run([SCRIPT, *words], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, [line for line in done.stdout.splitlines() if line]


def test_what_comes_after_a_part_that_failed_runs_and_the_end_says_all_of_it():
    one = "echo 'FAILED tests/a.py::test_b'; echo '1 failed, 2 passed in 0.10s'; exit 1"
    two = "echo '3 passed, 1 warning in 61.50s (0:01:01)'"
    status, printed = run_parts("One", one, "Two", two)
    assert status == 1
    assert printed[-5:] == [
        "== One: FAILED",
        "FAILED tests/a.py::test_b",
        "1 failed, 2 passed in 0.10s",
        "== Two: passed",
        "3 passed, 1 warning in 61.50s (0:01:01)",
    ]


def test_a_part_that_cannot_even_start_is_a_failure():
    status, printed = run_parts(
        "One", "echo 'no such tool' >&2; exit 2", "Two", "echo '1 passed in 1s'"
    )
    assert status == 1
    assert printed[-4:] == [
        "== One: FAILED",
        "no such tool",
        "== Two: passed",
        "1 passed in 1s",
    ]


def test_where_all_parts_pass_so_does_the_whole():
    status, printed = run_parts("One", "echo '1 passed in 1s'", "Two", "echo '2 passed in 2s'")
    assert status == 0
    assert "FAILED" not in "".join(printed)
