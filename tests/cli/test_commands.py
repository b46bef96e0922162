"""The other commands, as processes of their own: exit codes, one line of error, UTF-8."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFIGURATION = """
[[companies]]
slug = "acme"
name = "Acmé"

  [[companies.workspaces]]
  name = "Production"
"""


class Commands:
    """`passerelle` with a data folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run("migrate")
        (folder / "acme.toml").write_text(CONFIGURATION, encoding="utf-8")

    def run(self, *arguments: str, given: str = "", **variables: str):
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PASSERELLE_")}
        environment = {
            **inherited,
            "PASSERELLE_DATA_DIR": str(self.folder / "data"),
            "PASSERELLE_BASE_URL": "http://127.0.0.1:8000",
            **variables,
        }
        return subprocess.run(
            [sys.executable, "-m", "passerelle", *arguments],
            input=given.encode(),
            capture_output=True,
            cwd=self.folder,
            env=environment,
            check=False,
            timeout=60,
        )


@pytest.fixture
def commands(tmp_path):
    return Commands(tmp_path)


@pytest.fixture
def acme(commands):
    assert commands.run("apply", "acme.toml").returncode == 0
    return commands


def refused(done) -> str:
    """The one line of an error of use."""
    assert (done.returncode, done.stdout) == (2, b""), done
    [line] = done.stderr.decode().splitlines()
    assert line.startswith("passerelle: ")
    return line


def test_applying_an_export_changes_nothing_whatever_the_terminal(acme):
    done = acme.run("export", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert 'name = "Acmé"' in done.stdout.decode()
    (acme.folder / "export.toml").write_bytes(done.stdout)
    assert acme.run("apply", "export.toml").stdout == b"0 changes\n"


def test_what_a_terminal_cannot_show_is_escaped(acme):
    acme.run("apply", "acme.toml")
    Path(acme.folder / "acme.toml").write_text(
        CONFIGURATION + '  [[companies.workspaces]]\n  name = "é"\n'
    )
    done = acme.run("apply", "acme.toml", "--dry-run", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert b"\\xe9" in done.stdout


def test_a_demonstration_leaves_a_real_installation_alone(acme):
    line = refused(acme.run("demo", "--bind", "127.0.0.1:8937"))
    assert "holds an installation that is no demonstration" in line
    users = acme.run("users", "--json")
    assert json.loads(users.stdout) == []


def test_a_demonstration_stays_off_a_real_database_and_off_the_network(commands):
    url = "postgresql://passerelle@db.example/passerelle"
    assert "PASSERELLE_DATABASE_URL" in refused(commands.run("demo", PASSERELLE_DATABASE_URL=url))
    assert "--bind" in refused(commands.run("demo", "--bind", "0.0.0.0:8937"))


@pytest.mark.parametrize("content", ["", "short", "\xff"])
def test_a_secret_key_that_was_damaged_stops_the_start(commands, content):
    (commands.folder / "data" / "secret.key").write_text(content, encoding="latin-1")
    assert "secret.key" in refused(commands.run("users"))


def test_an_administrator_gets_a_link_or_a_reason(acme):
    create = ("admin", "create", "ada@acme.example", "--company", "acme")
    assert b"/activate/" in acme.run(*create).stdout
    assert b"/activate/" in acme.run(*create).stdout
    done = acme.run(*create, "--password-stdin", given="correct horse battery\n")
    assert done.stdout == b"ada@acme.example administers acme\n"
    short = acme.run(*create, "--password-stdin", given="short\n")
    assert "at least 8 characters" in refused(short)


def test_a_database_that_goes_away_is_one_line(acme):
    database = acme.folder / "data" / "passerelle.sqlite3"
    database.write_bytes(b"this is no database at all, but long enough to look like a file")
    for leftover in ("-wal", "-shm"):
        Path(f"{database}{leftover}").unlink(missing_ok=True)
    assert "database" in refused(acme.run("users", "--json"))


def test_check_finds_a_company_without_a_way_back_from_single_sign_on_alone(acme):
    with (acme.folder / "acme.toml").open("a", encoding="utf-8") as file:
        address = '  metadata_url = "https://idp.example/metadata"\n'
        enforced = '  [companies.security]\n  sso_enforcement = "everyone"\n'
        file.write(CONNECTION + address + enforced)
    assert acme.run("apply", "acme.toml").returncode == 0
    done = acme.run("check", "--json")
    findings = {one["check"]: one for one in json.loads(done.stdout)["checks"] if not one["passed"]}
    assert done.returncode == 1
    assert "0 emergency codes, 0 who break glass" in findings["enforcement"]["detail"]


CONNECTION = """
  [[companies.saml]]
  slug = "acme"
  name = "Acme SSO"
"""


@pytest.fixture
def connected(acme):
    with (acme.folder / "acme.toml").open("a", encoding="utf-8") as file:
        file.write(CONNECTION)
    assert acme.run("apply", "acme.toml").returncode == 0
    return acme


def test_a_key_is_rotated_and_both_are_listed_while_they_overlap(connected):
    done = connected.run("keys", "rotate", "acme")
    assert b"is published at http://127.0.0.1:8000/auth/saml/acme/metadata" in done.stdout
    keys = json.loads(connected.run("keys", "list", "--json").stdout)
    assert [bool(key["retires_at"]) for key in keys] == [False, True]
    assert b"PRIVATE" not in connected.run("export").stdout
    assert "CONNECTION" in refused(connected.run("keys", "rotate", "nobody"))


def test_a_preview_of_junk_is_a_refusal_and_a_wrong_connection_is_wrong_use(connected):
    (connected.folder / "response").write_text("junk")
    done = connected.run("preview", "response", "--connection", "acme", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["reason"] == "malformed_message"
    done = connected.run("preview", "response", "--connection", "acme")
    assert done.stdout.startswith(b"nobody would be refused: malformed_message")
    assert "--connection" in refused(connected.run("preview", "response", "--connection", "x"))
    assert "--at" in refused(
        connected.run("preview", "response", "--connection", "acme", "--at", "soon")
    )
    assert "No such file" in refused(connected.run("preview", "none", "--connection", "acme"))


def test_a_folder_without_an_installation_is_named_with_how_to_name_another(commands, tmp_path):
    done = commands.run("audit", "verify", "--data", str(tmp_path / "elsewhere"))
    assert done.returncode == 2
    error = done.stderr.decode()
    assert error.startswith(f"passerelle: no installation in {tmp_path / 'elsewhere'}: ")
    assert "--data" in error
    assert error.count("\n") == 1
