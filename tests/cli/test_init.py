"""`passerelle init`: a first configuration file that `apply` takes as it is."""

import pytest

from passerelle.cli import init
from passerelle.cli.main import main
from passerelle.directory.models import Company
from tests.configfile.conftest import operator as operator

pytestmark = pytest.mark.django_db
FLAGS = ("--company", "acme", "--name", "Acme “& Sons”", "--admin", "ada@acme.example")


def test_with_the_metadata_of_an_identity_provider_newcomers_can_come_at_once(operator):
    path, metadata = operator.folder / "first.toml", operator.folder / "idp-metadata.xml"
    status, out, err = operator.run(
        "init", *FLAGS, "--idp-metadata", str(metadata), "--output", str(path)
    )
    assert (status, err) == (0, "")
    assert "passerelle admin create ada@acme.example --company acme" in out
    assert operator.run("apply", str(path))[0] == 0
    acme = Company.objects.get()
    assert (acme.name, acme.automatic_user_provisioning) == ("Acme “& Sons”", True)
    assert (acme.default_workspace.name, acme.default_permission_set.name) == (
        "Production",
        "Viewer",
    )
    assert acme.domains.get().name == "acme.example"
    assert acme.connections.get().idp_entity_id
    assert operator.run("apply", str(path))[1] == "0 changes\n"


@pytest.mark.parametrize("source", ["-", "https://idp.acme.example/metadata"])
def test_without_it_the_rest_is_there_and_waits_for_a_connection(operator, source):
    path = operator.folder / "first.toml"
    assert operator.run("init", *FLAGS, "--idp-metadata", source, "--output", str(path))[0] == 0
    status, _out, err = operator.run("apply", str(path))
    assert (status, err) == (0, "")
    acme = Company.objects.get()
    assert not acme.automatic_user_provisioning
    assert acme.connections.count() == (0 if source == "-" else 1)


def test_what_flags_do_not_say_is_asked_until_it_is_right(tmp_path, monkeypatch, capsys):
    typed = iter(["Acme Inc", "acme", "", "nobody", "ada@acme.example", "", "", "Lab", ""])
    asked = []
    monkeypatch.setattr("builtins.input", lambda text: asked.append(text) or next(typed))
    monkeypatch.setattr(init.sys.stdin, "isatty", lambda: True, raising=False)
    path = tmp_path / "passerelle.toml"
    assert main(["init", "--output", str(path)]) == 0
    text = path.read_text()
    for line in ('slug = "acme"', 'name = "Acme"', 'name = "acme.example"', 'name = "Lab"'):
        assert line in text
    assert "Expected lower-case letters" in capsys.readouterr().out
    assert asked[1] == asked[0]


@pytest.mark.parametrize(
    ("flags", "wrong"),
    [
        ((), "--company"),
        (("--company", "Acme"), "--company"),
        (("--company", "acme"), "--admin"),
        ((*FLAGS, "--domain", "no domain"), "--domain"),
        ((*FLAGS, "--idp-metadata", "/nowhere.xml"), "--idp-metadata"),
        ((*FLAGS, "--workspace", "a\nb"), "--workspace"),
        ((*FLAGS, "--output", "/nowhere/first.toml"), "--output"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(operator, monkeypatch, flags, wrong):
    monkeypatch.chdir(operator.folder)
    status, out, err = operator.run("init", *flags)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"passerelle: {wrong}")
    assert not (operator.folder / "passerelle.toml").exists()


def test_a_file_that_is_there_stays(operator):
    path = operator.write("first.toml", "mine")
    assert operator.run("init", *FLAGS, "--output", str(path))[0] == 2
    assert path.read_text() == "mine"
