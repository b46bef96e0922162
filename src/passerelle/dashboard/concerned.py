"""See before you save: in words, whom the rest of the Security settings would concern at once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import ngettext

from passerelle.dashboard.security_form import SecurityForm
from passerelle.directory.models import Company
from passerelle.sso import concerned, google
from passerelle.sso.concerned import Concerned
from passerelle.sso.connections import is_usable
from passerelle.sso.enforcement import people_with_password
from passerelle.sso.models import Session

PASSWORD_RULES = ("password_min_length", "password_complexity", "password_reuse")
FIELDS: dict[str, tuple[str, ...]] = {
    "rules": (*PASSWORD_RULES, "password_expiry_days", "session_minutes"),
    "saml": (
        "saml_enabled",
        "idp_entity_id",
        "target_url",
        "new_certificates",
        "removed_certificates",
    ),
    "google": google.SETTINGS,
    "networks": ("ip_allowlist",),
    "factor": ("two_factor",),
}
"""The sections that tell, each with the fields that have to be right for it."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """What would happen, and to whom."""

    text: str
    found: Concerned


@dataclass(frozen=True, slots=True)
class ShownConcerned:
    problems: list[str]
    sentences: list[Sentence]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked about: the company as it is and as it would be, and whose session asks."""

    form: SecurityForm
    company: Company
    changed: Company
    session: Session
    now: datetime


def concerned_shown(part: str, form: SecurityForm, session: Session) -> ShownConcerned:
    """What saving the form would do at once, for one of the sections in `FIELDS`."""
    problems = [str(one) for name in FIELDS[part] for one in form.errors.get(name, [])]
    if problems:
        return ShownConcerned(problems, [])
    found = _SECTIONS[part](_Asked(form, form.company, form.changed_company(), session, form.now))
    return ShownConcerned([], [one for one in found if one.found.count])


def _rules(asked: _Asked) -> Iterator[Sentence]:
    company, changed, now = asked.company, asked.changed, asked.now
    ended = concerned.passwords_ended(company, changed, now=now)
    yield Sentence(
        ngettext(
            "%(count)s person would have to choose a new password at their next sign-in. "
            "Theirs is from:",
            "%(count)s people would have to choose a new password at their next sign-in. "
            "Theirs is from:",
            ended.count,
        )
        % {"count": ended.count},
        ended,
    )
    again = concerned.passwords_good_again(company, changed, now=now)
    yield Sentence(
        ngettext(
            "%(count)s person could go on with their password, which has to be replaced today. "
            "It is from:",
            "%(count)s people could go on with their passwords, which have to be replaced today. "
            "They are from:",
            again.count,
        )
        % {"count": again.count},
        again,
    )
    yield _ending(concerned.sessions_unused(company, changed, but=asked.session, now=now))
    if any(getattr(company, name) != getattr(changed, name) for name in PASSWORD_RULES):
        keep = people_with_password(company).count()
        text = ngettext(
            "%(count)s person has a password and keeps it, whatever it is like: this holds for the "
            "next one they choose.",
            "%(count)s people have a password and keep it, whatever it is like: this holds for the "
            "next one they choose.",
            keep,
        )
        yield Sentence(text % {"count": keep}, Concerned(keep))


def _saml(asked: _Asked) -> Iterator[Sentence]:
    was, after = asked.form.connection, asked.form.draft.connection
    if was is None or after is None:
        return
    yield _ending(concerned.sessions_of_connection(was, after, but=asked.session, now=asked.now))
    same_provider = was.idp_entity_id == after.idp_entity_id
    if is_usable(was) and not (same_provider and asked.form.draft.is_usable):
        yield _barred(concerned.without_way_in(asked.company, asked.changed, [was]))


def _google(asked: _Asked) -> Iterator[Sentence]:
    yield _ending(
        concerned.sessions_of_google(asked.company, asked.changed, but=asked.session, now=asked.now)
    )
    if google.is_usable(asked.company) and not google.is_usable(asked.changed):
        yield _barred(concerned.without_way_in(asked.company, asked.changed, []))


def _networks(asked: _Asked) -> Iterator[Sentence]:
    moved = concerned.of_networks(asked.company, asked.changed, now=asked.now)
    yield Sentence(
        ngettext(
            "%(count)s person came last from outside these networks. From there they would be "
            "refused, and signed out where they are signed in:",
            "%(count)s people came last from outside these networks. From there they would be "
            "refused, and signed out where they are signed in:",
            moved.refused.count,
        )
        % {"count": moved.refused.count},
        moved.refused,
    )
    yield Sentence(
        ngettext(
            "%(count)s person was refused because of their network, and would be let in from:",
            "%(count)s people were refused because of their network, and would be let in from:",
            moved.let_in.count,
        )
        % {"count": moved.let_in.count},
        moved.let_in,
    )


def _factor(asked: _Asked) -> Iterator[Sentence]:
    before, after = asked.company.two_factor, asked.changed.two_factor
    if before == after:
        return
    found = concerned.without_factor(asked.company)
    if after == Company.TwoFactor.REQUIRED:
        text = ngettext(
            "%(count)s person with a password has no authenticator app, and would set one up at "
            "their next sign-in:",
            "%(count)s people with a password have no authenticator app, and would set one up at "
            "their next sign-in:",
            found.count,
        )
    else:
        text = ngettext(
            "%(count)s person could enter by password alone:",
            "%(count)s people could enter by password alone:",
            found.count,
        )
    yield Sentence(text % {"count": found.count}, found)


def _ending(found: Concerned) -> Sentence:
    text = ngettext(
        "%(count)s open session would end. It was last used by:",
        "%(count)s open sessions would end. They were last used by:",
        found.count,
    )
    return Sentence(text % {"count": found.count}, found)


def _barred(found: Concerned) -> Sentence:
    text = ngettext(
        "%(count)s person has come in no other way so far, and has no password:",
        "%(count)s people have come in no other way so far, and have no password:",
        found.count,
    )
    return Sentence(text % {"count": found.count}, found)


_SECTIONS: dict[str, Callable[[_Asked], Iterator[Sentence]]] = {
    "rules": _rules,
    "saml": _saml,
    "google": _google,
    "networks": _networks,
    "factor": _factor,
}
