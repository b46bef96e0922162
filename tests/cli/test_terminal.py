"""Nothing that others sent commands a terminal or forges a line."""

import argparse
import re
from pathlib import Path

import pytest

import passerelle
from passerelle.cli import preview, sign_ins, users
from passerelle.cli.terminal import say
from passerelle.practice_idp.people import Person
from passerelle.sso.models import SignIn
from tests.browsing import Browser
from tests.world import make_company

COMMANDS = Path(passerelle.__file__).parent / "cli"
EVIL = "x\n2030-01-31T12:00:00Z  AAA-AAA  boss@acme.example  signed_in\x1b[2J\u009b31m\u202e\u2028"


def test_a_line_stays_one_line_without_escapes_of_a_terminal(capsys):
    say(f"é {EVIL}", "next")
    lines = capsys.readouterr().out.split("\n")
    assert lines[1:] == ["next", ""]
    assert lines[0].startswith("é x\\n2030") and lines[0].isprintable()


@pytest.mark.django_db
@pytest.mark.parametrize("command", [sign_ins, users])
def test_what_an_identity_provider_sends_as_an_address_forges_no_line(command, monkeypatch, capsys):
    monkeypatch.setattr(command, "start_django", lambda _arguments: None)
    connection = make_company().connections.select_related("company").get()
    # XML has no escape character, but others that command terminals.
    sent = EVIL.replace("\x1b", "")
    Browser().sign_in(connection, Person("u-1", sent, sent, sent, (sent,)))
    row = SignIn.objects.get()
    assert (row.reason, row.email.isprintable()) == ("email_invalid", True)
    assert all((one["received"] or "").isprintable() for one in row.checks)
    # As rows of the release before are.
    SignIn.objects.update(email=EVIL)
    command.run(argparse.Namespace(company=None, limit=10, json=False))
    said = capsys.readouterr().out
    assert said.replace("\n", "").isprintable()
    assert said.count("\n") == SignIn.objects.count() * (command is sign_ins)


def test_whatever_is_printed_for_people_goes_the_same_way():
    """What is for machines is JSON or TOML; the rest says nothing that others sent."""
    others = {"terminal.py", "export.py", "demo.py", "admin.py", "migrate.py", "inspect.py"}
    found = {
        (path.name, line.strip())
        for path in COMMANDS.glob("*.py")
        for line in re.findall(r"sys\.stdout\.write\((.*)", path.read_text())
        if path.name not in others and not line.startswith(('"\\n"', "json.dumps"))
    }
    assert found == set()
    assert preview.say is say
