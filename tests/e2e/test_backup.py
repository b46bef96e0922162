"""A copy of an installation that runs, and the installation that is made from it."""

import io
import json
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.conftest import users_of
from tests.e2e.identity_provider import toml_for
from tests.e2e.passerelle import Passerelle
from tests.e2e.test_scim import ask
from tests.servers import processes

USER = "urn:ietf:params:scim:schemas:core:2.0:User"


@pytest.fixture
def running(tmp_path):
    with Passerelle.set_up(tmp_path / "running") as made:
        made.apply(toml_for("acme"))
        made.run("admin", "create", "boss@acme.example", "--company", "acme")
        yield made


def other(running: Passerelle, folder: Path, **variables: str) -> Passerelle:
    """The commands of another installation."""
    found = Passerelle(folder, port=0, environment={"PASSERELLE_DATA_DIR": str(folder)})
    found.environment |= {"PASSERELLE_BASE_URL": running.base_url, **variables}
    return found


def refused(act, *words: str) -> None:
    with pytest.raises(processes.ServerError) as raised:
        act()
    said = str(raised.value)
    assert "status 2" in said and "Traceback" not in said
    assert all(word in said for word in words), said


def test_a_copy_made_while_people_come_is_whole_and_makes_the_same_again(running, tmp_path):
    running.serve()
    token = running.run("tokens", "create", "--company", "acme", "--scope", "scim").strip()

    def add(number: int) -> int:
        name = f"p{number}@acme.example"
        return ask(running, token, "POST", "/Users", {"schemas": [USER], "userName": name})

    file = tmp_path / "copy.backup"
    with ThreadPoolExecutor(4) as pool:
        statuses = pool.map(add, range(60))
        running.run("backup", str(file), "--with-secret-key")
        assert set(statuses) == {201}
    assert file.stat().st_mode & 0o077 == 0
    again = other(running, tmp_path / "again")
    assert "as it was at" in again.run("restore", str(file))
    again.run("migrate")
    kept, all_of_them = users_of(again), users_of(running)
    assert 1 <= len(kept) <= len(all_of_them) == 61
    # Each account that is there has all that belongs to it: no half of anybody.
    assert all(one["memberships"] or one["status"] == "invited" for one in kept)
    assert "whole" in again.run("audit", "verify")
    assert {one["email"] for one in kept} <= {one["email"] for one in all_of_them}


def test_the_key_is_in_it_only_where_that_was_asked_for(running, tmp_path):
    file = tmp_path / "copy.backup"
    running.run("backup", str(file))
    key = (Path(running.environment["PASSERELLE_DATA_DIR"]) / "secret.key").read_text().strip()
    with tarfile.open(file) as tar:
        assert tar.getnames() == ["backup.json", "passerelle.sqlite3"]
        description = tar.extractfile("backup.json").read().decode()
    assert key not in description
    again = other(running, tmp_path / "again")
    again.run("restore", str(file))
    assert not (tmp_path / "again/secret.key").exists()
    # Into a folder where the right key waits, and not where another one does.
    for name, kept in (("right", key), ("wrong", "x" * 64)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "secret.key").write_text(kept)
        if name == "right":
            other(running, folder).run("restore", str(file))
        else:
            refused(lambda folder=folder: other(running, folder).run("restore", str(file)), "key")
            assert [one.name for one in folder.iterdir()] == ["secret.key"]


def test_nothing_that_is_there_is_written_over(running, tmp_path):
    file = tmp_path / "copy.backup"
    running.run("backup", str(file))
    before = file.read_bytes()
    refused(lambda: running.run("backup", str(file)), "not there yet")
    refused(lambda: running.run("restore", str(file)), "expected an empty folder")
    assert file.read_bytes() == before
    assert [one.name for one in tmp_path.glob(".passerelle-backup-*")] == []
    assert len(users_of(running)) == 1


def test_with_postgresql_it_says_what_to_use(running, tmp_path):
    running.environment["PASSERELLE_DATABASE_URL"] = "postgresql://localhost/passerelle"
    refused(lambda: running.run("backup", str(tmp_path / "a")), "pg_dump")
    refused(lambda: running.run("restore", str(tmp_path / "a")), "pg_restore")


def packed(**members: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name.replace("_slash_", "/").replace("_dot_", "."))
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


DESCRIPTION = json.dumps({"format": 1, "sha256": "0", "secret_key": "0"}).encode()
WRONG = {
    "nothing": b"",
    "something else": b"SQLite format 3\0",
    "an empty archive": packed(),
    "no description": packed(passerelle_dot_sqlite3=b"x"),
    "another format": packed(backup_dot_json=b'{"format": 9}', passerelle_dot_sqlite3=b"x"),
    "a description that is none": packed(backup_dot_json=b"[" * 50),
    "another database": packed(backup_dot_json=DESCRIPTION, passerelle_dot_sqlite3=b"x"),
    "a way out": packed(**{"_dot__dot__slash_evil": b"x"}),
}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_what_is_no_backup_leaves_the_folder_empty(running, tmp_path, content):
    file, folder = tmp_path / "wrong.backup", tmp_path / "again"
    file.write_bytes(content)
    refused(lambda: other(running, folder).run("restore", str(file)), "expected a whole backup")
    assert list(folder.iterdir()) == []
    assert not (tmp_path / "evil").exists()


def test_a_backup_that_was_cut_off_is_refused(running, tmp_path):
    file, folder = tmp_path / "copy.backup", tmp_path / "again"
    running.run("backup", str(file))
    whole = file.read_bytes()
    for length in (20, len(whole) // 2, len(whole) * 9 // 10):
        file.write_bytes(whole[:length])
        refused(lambda: other(running, folder).run("restore", str(file)), "whole backup")
        assert list(folder.iterdir()) == []
    refused(lambda: other(running, folder).run("restore", str(tmp_path / "none")), "whole backup")
