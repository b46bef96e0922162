"""What was exported or delivered earlier shows a chain that was set back, however whole it is."""

import csv
import io
import json
from itertools import chain

import pytest

from passerelle.audit.chain import seal, verify
from passerelle.audit.heads import HEAD, Head, compare, head_of, read_heads
from passerelle.audit.models import AuditChain, AuditEvent
from passerelle.cli.main import main
from tests.audit.happening import happen
from tests.world import make_company

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    """Acme, with five sealed events."""
    company = make_company()
    for _ in range(5):
        happen(company)
    seal()
    return company


def set_back(acme, to: int) -> None:
    """Mallory has kept a copy of the database from when the chain was shorter."""
    rows = list(AuditEvent.objects.filter(chain=str(acme.id)))
    AuditEvent.objects.filter(chain=str(acme.id)).delete()
    AuditChain.objects.filter(chain=str(acme.id)).delete()
    for row in sorted(rows, key=lambda one: one.sequence or 99)[:to]:
        row.sequence, row.digest = None, ""
        row.save(force_insert=True)
    seal()


def problems(heads) -> list[tuple[int, str]]:
    return [(one.sequence, one.problem) for one in compare(heads)]


def exported(capsys) -> str:
    assert main(["audit", "export"]) == 0
    return capsys.readouterr().out


def test_a_chain_that_was_set_back_is_whole_by_itself_and_not_by_its_earlier_head(acme):
    earlier = head_of(str(acme.id))
    assert problems([earlier]) == []
    set_back(acme, 3)
    assert verify().breaks == ()
    assert problems([earlier]) == [(5, "missing, though it was exported")]


def test_what_has_happened_since_does_not_hide_it(acme):
    earlier = head_of(str(acme.id))
    set_back(acme, 3)
    for _ in range(4):
        happen(acme, "since")
    seal()
    assert verify().breaks == ()
    assert problems([earlier]) == [(5, "not as it was exported")]


def test_a_chain_that_went_on_holds_its_earlier_heads(acme):
    earlier = head_of(str(acme.id))
    happen(acme)
    seal()
    assert problems([earlier, head_of(str(acme.id))]) == []


def test_a_whole_chain_that_is_gone_is_missed(acme):
    earlier = head_of(str(acme.id))
    AuditEvent.objects.all().delete()
    AuditChain.objects.all().delete()
    assert verify().breaks == ()
    assert problems([earlier]) == [(5, "missing, though it was exported")]


@pytest.mark.parametrize(
    "change", [{"sequence": 4}, {"digest": "0" * 64}, {"chain": "another"}, {"seal": "0" * 64}]
)
def test_an_exported_head_that_was_altered_is_told_from_an_altered_log(acme, change):
    altered = Head(**{**head_of(str(acme.id)).stored, **change})
    ((_place, problem),) = problems([altered])
    assert problem == "the exported head was not sealed here, or was altered"


def test_a_chain_that_does_not_hold_has_no_head_to_keep(acme):
    AuditEvent.objects.filter(sequence=5).update(digest="0" * 64)
    assert head_of(str(acme.id)) is None
    assert head_of("installation") is None


def test_the_export_is_a_file_of_heads(acme, capsys, tmp_path):
    happen(acme, "not sealed yet \u2028")
    kept = tmp_path / "audit.jsonl"
    kept.write_text(exported(capsys), encoding="utf-8")
    assert main(["audit", "verify", "--heads", str(kept)]) == 0
    assert capsys.readouterr().out == "whole: 5 sealed, 1 unsealed, 5 as they were exported\n"
    set_back(acme, 2)
    assert main(["audit", "verify", "--heads", str(kept)]) == 1
    said = f"broken: entry 3 of chain {acme.id}: missing, though it was exported\n"
    assert capsys.readouterr().out == said
    assert main(["audit", "verify", "--heads", str(kept), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["whole"], found["compared"]) == (False, 5)
    assert found["first_broken"]["sequence"] == 3
    assert main(["audit", "verify"]) == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "line 1"),
        (b'{"event": "x"}\n{', "line 2"),
        (b'{"digest": "0"}', "'chain'"),
        (b'{"digest": "0", "chain": "x", "sequence": "y"}', "'y'"),
        (b'{"digest": "0", "chain": "x", "sequence": null}', "no entry"),
        (b'{"event": "audit:head", "details": "x"}', "something else"),
        (b'{"event": "audit:head"}', "'details'"),
        (b'{"event": "audit:head", "details": "[]"}', "no entry"),
        (b"{}\n[]\n", "no entry"),
        (b"\xff", "something else"),
        (b"", "no sealed entry and no head"),
        (b"time,id\n1,2\n", "no sealed entry and no head"),
    ],
)
def test_a_file_without_heads_proves_nothing_and_that_is_said(
    acme, capsys, tmp_path, content, words
):
    kept = tmp_path / "kept"
    kept.write_bytes(content)
    assert main(["audit", "verify", "--heads", str(kept)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "expected what `passerelle audit export` wrote" in line
    assert words in line


def test_delivered_events_are_read_as_lines_and_as_csv(acme):
    head = head_of(str(acme.id))
    rows = [{"event": "sign_in:refused", "details": "{}"}]
    rows.append({"event": HEAD, "details": json.dumps(head.stored)})
    assert read_heads("".join(f"{json.dumps(row)}\n" for row in rows)) == [head]
    text = io.StringIO()
    writer = csv.DictWriter(text, ["event", "details"])
    writer.writeheader()
    writer.writerows(rows)
    assert read_heads(text.getvalue() * 2) == [head]


def test_many_entries_are_compared_in_few_queries(acme, django_assert_max_num_queries):
    heads = [Head(str(acme.id), number, "0" * 64) for number in range(1, 1501)]
    with django_assert_max_num_queries(3):
        assert problems(chain(heads)) == [(1, "not as it was exported")]
