"""Documentation that fails the build when the code has moved on."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from passerelle.cli.main import COMMANDS
from passerelle.practice_idp.faults import FAULTS, respond
from passerelle.practice_idp.issue import Issue, make_signing_key, write_idp_metadata
from passerelle.practice_idp.people import PEOPLE
from passerelle.provisioning.describe import REFUSED
from passerelle.saml.errors import MessageError
from passerelle.saml.explain import FAILED
from passerelle.sso.records.explain import EXPLAINED, FLOW, GOOGLE, PASSWORD
from tests.documentation import PAGES, REFERENCE

ROOT = REFERENCE.parent.parent
REASONS_PROMISED = """
malformed_message message_too_large doctype_forbidden unsupported_version wrong_message
status_not_success signature_missing signature_invalid signature_profile_forbidden
algorithm_forbidden certificate_unknown decryption_failed assertion_count issuer_mismatch
destination_mismatch recipient_mismatch audience_mismatch subject_confirmation_invalid
in_response_to_mismatch unsolicited_refused expired not_yet_valid name_id_missing request_unknown
request_expired assertion_replayed browser_mismatch connection_disabled email_missing email_invalid
subject_unstable jit_disabled jit_unavailable domain_not_allowed account_exists identity_conflict
identity_ambiguous
user_suspended user_removed approval_pending address_not_allowed
""".split()


@pytest.mark.parametrize("page", PAGES)
def test_the_reference_is_in_step_with_the_code(page):
    written = (REFERENCE / page).read_text(encoding="utf-8")
    assert written == PAGES[page](), "run: .venv/bin/python -m tests.documentation"


@pytest.mark.parametrize("reason", REASONS_PROMISED)
def test_every_promised_reason_is_explained(reason):
    detail, fix = EXPLAINED[reason]
    assert detail
    assert fix


def test_no_reason_is_explained_twice():
    assert len(EXPLAINED) == sum(len(one) for one in (FAILED, REFUSED, FLOW, GOOGLE, PASSWORD))


def test_every_fault_of_the_practice_provider_has_an_explained_reason():
    assert {fault.reason for fault in FAULTS} <= set(EXPLAINED)


def test_every_link_between_documents_leads_somewhere():
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]
    documents += (ROOT / "docs").rglob("*.md")
    for document in documents:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document}: {target}"


def test_every_command_is_documented():
    text = (REFERENCE / "commands.md").read_text()
    for name in COMMANDS:
        assert re.search(rf"^## {name}\b", text, re.MULTILINE)


def test_every_environment_variable_has_its_sentence():
    from passerelle.config.env import Environment

    text = (REFERENCE / "environment.md").read_text()
    for field in Environment.model_fields:
        assert f"`PASSERELLE_{field.upper()}`" in text


def test_decision_records_stay_short():
    for record in (Path(ROOT) / "docs" / "adr").glob("*.md"):
        assert len(record.read_text().splitlines()) <= 60


def test_every_test_that_the_threat_model_names_is_there():
    named = re.findall(r"`(tests/[\w/]+\.py)`", (ROOT / "docs/threat-model.md").read_text())
    assert len(named) > 20
    assert [one for one in named if not (ROOT / one).is_file()] == []


def test_the_example_of_the_library_signs_somebody_in():
    page = (ROOT / "docs/saml-library.md").read_text()
    [example] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    scope: dict[str, Any] = {}
    exec(compile(example, "docs/saml-library.md", "exec"), scope)
    key = make_signing_key(name="idp", now=datetime.now(UTC))
    metadata = write_idp_metadata(
        entity_id="https://idp.example",
        sso_url="https://idp.example/sso",
        certificate_der=key.certificate_der,
    )
    issue = Issue(
        idp_entity_id="https://idp.example",
        audience="https://sp.example/metadata",
        acs_url="https://sp.example/acs",
        person=PEOPLE[0],
        now=datetime.now(UTC),
        response_id="_r",
        assertion_id="_a",
        in_response_to="_1",
    )
    sent = respond(issue, key, None)
    assert scope["who_signed_in"](sent, metadata, "_1") == PEOPLE[0].subject
    with pytest.raises(MessageError):
        scope["who_signed_in"](sent, metadata, "_2")
