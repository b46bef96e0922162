"""See before you save: in words, whom the rest of the Security settings would concern at once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from passerelle.administration import impact
from passerelle.administration.impact import SIGN_INS, Concerned
from passerelle.directory.models import Company
from passerelle.sso.connections.connection import is_usable
from passerelle.sso.models import SamlConnection, Session
from passerelle.sso.sign_in import google
from passerelle.web.settings.connection_draft import ANOTHER_PROVIDER
from passerelle.web.settings.connection_form import ADVANCED_TEXTS
from passerelle.web.settings.security_form import SecurityForm

PASSWORD_RULES = ("password_min_length", "password_complexity", "password_reuse")
FIELDS: dict[str, tuple[str, ...]] = {
    "rules": (*PASSWORD_RULES, "password_expiry_days", "session_minutes"),
    "saml": (
        "saml_enabled",
        "name",
        "metadata_url",
        "metadata",
        "metadata_file",
        "idp_entity_id",
        "target_url",
        "new_certificates",
        "removed_certificates",
        *ADVANCED_TEXTS,
    ),
    "google": google.SETTINGS,
    "networks": ("ip_allowlist",),
    "factor": ("two_factor",),
}
"""The sections that tell, each with the fields that have to be right for it."""
CERTIFICATES_GO = gettext_lazy("With this change these certificates are not trusted any more:")
MAPPING = (
    "subject_attribute",
    "email_attribute",
    "first_name_attribute",
    "last_name_attribute",
    "value_separator",
)
"""What decides for whom the claims of a connection are taken."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """What would happen, and to whom: an e-mail address with what more there is to say."""

    text: str
    people: list[tuple[str, str]]
    others: int = 0
    """How many people more there are than are named."""


@dataclass(frozen=True, slots=True)
class ShownConcerned:
    problems: list[str]
    sentences: list[Sentence]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked about: the form, the company as it would be, and whose session asks."""

    form: SecurityForm
    changed: Company
    session: Session


def concerned_shown(part: str, form: SecurityForm, session: Session) -> ShownConcerned:
    """What saving the form would do at once, for one of the sections in `FIELDS`."""
    if problems := problems_of(form, FIELDS[part]):
        return ShownConcerned(problems, [])
    asked = _Asked(form, form.changed_company(), session)
    return ShownConcerned([], [one for one in _SECTIONS[part](asked) if one])


def problems_of(form: SecurityForm, names: tuple[str, ...]) -> list[str]:
    """What is wrong with some of the fields, each sentence with the name of its field."""
    return [
        _("%(field)s: %(problem)s") % {"field": form[name].label, "problem": problem}
        for name in names
        for problem in form.errors.get(name, [])
    ]


def closes_connection(form: SecurityForm) -> bool:
    """Whether nobody could sign in any more through the connection of the form, as today."""
    was, after = form.connection, form.draft.connection
    if was is None or after is None or not is_usable(was):
        return False
    return not form.draft.is_usable or was.idp_entity_id != after.idp_entity_id


def changed_mapping(form: SecurityForm) -> SamlConnection | None:
    """The connection as it would be, where it would take the same claims for other people.

    Another identity provider would say something else: nobody knows what.
    """
    was, after = form.connection, form.draft.connection
    if was is None or after is None or was.idp_entity_id != after.idp_entity_id:
        return None
    return after if any(getattr(was, one) != getattr(after, one) for one in MAPPING) else None


def _rules(asked: _Asked) -> Iterator[Sentence | None]:
    company, changed, now = asked.form.company, asked.changed, asked.form.now
    ended = impact.passwords_ended(company, changed, now=now)
    yield _sentence(
        ngettext(
            "%(count)s person would have to choose a new password at their next sign-in by "
            "password:",
            "%(count)s people would have to choose a new password at their next sign-in by "
            "password:",
            ended.count,
        ),
        ended,
        since=_("password of %(when)s"),
    )
    again = impact.passwords_good_again(company, changed, now=now)
    yield _sentence(
        ngettext(
            "%(count)s person could go on with a password that has expired:",
            "%(count)s people could go on with passwords that have expired:",
            again.count,
        ),
        again,
        since=_("password of %(when)s"),
    )
    if changed.password_expiry_days != company.password_expiry_days and not ended.count:
        yield _next_to_end(impact.next_passwords_to_end(company, changed))
    yield _ending(impact.sessions_unused(company, changed, but=asked.session, now=now))
    if any(getattr(company, name) != getattr(changed, name) for name in PASSWORD_RULES):
        kept = Concerned(impact.passwords_kept(company, changed, now=now))
        yield _sentence(
            ngettext(
                "%(count)s person has a password and keeps it, whatever it is like: the length and "
                "the signs are asked of the next one.",
                "%(count)s people have a password and keep it, whatever it is like: the length and "
                "the signs are asked of the next one.",
                kept.count,
            ),
            kept,
        )


def _next_to_end(found: tuple[datetime, list[str]] | None) -> Sentence | None:
    if found is None:
        return None
    text = _("Nobody’s password is too old yet. The first to be replaced, from %(day)s on:")
    day, whose = found
    return Sentence(text % {"day": date_format(day, "j F Y")}, [(email, "") for email in whose])


def _saml(asked: _Asked) -> Iterator[Sentence | None]:
    was, after = asked.form.connection, asked.form.draft.connection
    if was is None or after is None:
        return
    if after.metadata_url not in ("", was.metadata_url):
        text = _(
            "What the metadata says is known once it is read. “Test sign-in” reads it and saves "
            "nothing."
        )
        yield Sentence(text, [])
    gone = asked.form.draft.gone(asked.form.certificates)
    if gone and asked.form.draft.moves:
        yield Sentence(f"{ANOTHER_PROVIDER} {CERTIFICATES_GO}", [(one, "") for one in gone])
    now = asked.form.now
    yield _ending(impact.sessions_of_connection(was, after, but=asked.session, now=now))
    if closes_connection(asked.form):
        will_be = after if asked.form.draft.is_usable else None
        yield _barred(impact.without_way_in(asked.form.company, asked.changed, was, will_be))


def _google(asked: _Asked) -> Iterator[Sentence | None]:
    company, changed, now = asked.form.company, asked.changed, asked.form.now
    yield _ending(impact.sessions_of_google(company, changed, but=asked.session, now=now))
    if changed.google_sso_enabled and not google.is_usable(changed):
        text = _(
            "Nobody can sign in by Google before the client secret and the domain are entered."
        )
        yield Sentence(text, [])
    if google.is_usable(company):
        yield _barred(impact.without_way_in(company, changed, None, None))


def _networks(asked: _Asked) -> Iterator[Sentence | None]:
    moved = impact.of_networks(asked.form.company, asked.changed, now=asked.form.now)
    yield _sentence(
        ngettext(
            "%(count)s person came last from outside these networks. From there they could neither "
            "sign in nor go on working:",
            "%(count)s people came last from outside these networks. From there they could neither "
            "sign in nor go on working:",
            moved.refused.count,
        ),
        moved.refused,
    )
    yield _sentence(
        ngettext(
            "%(count)s person or address was refused because of the network, and would not be any "
            "more:",
            "%(count)s people or addresses were refused because of the network, and would not be "
            "any more:",
            moved.let_in.count,
        ),
        moved.let_in,
    )
    if not moved.is_all:
        yield Sentence(_("From the newest %(count)s sign-ins.") % {"count": SIGN_INS}, [])


def _factor(asked: _Asked) -> Iterator[Sentence | None]:
    before, after = asked.form.company.two_factor, asked.changed.two_factor
    if before == after:
        return
    found = impact.without_factor(asked.form.company)
    if after == Company.TwoFactor.REQUIRED:
        text = ngettext(
            "%(count)s person with a password has no authenticator app, and would set one up at "
            "their next sign-in by password:",
            "%(count)s people with a password have no authenticator app, and would set one up at "
            "their next sign-in by password:",
            found.count,
        )
    else:
        text = ngettext(
            "%(count)s person could enter by password alone:",
            "%(count)s people could enter by password alone:",
            found.count,
        )
    yield _sentence(text, found)


def _ending(found: Concerned) -> Sentence | None:
    text = ngettext(
        "%(count)s open session would end:", "%(count)s open sessions would end:", found.count
    )
    return _sentence(text, found, since=_("last used %(when)s"))


def _barred(found: Concerned) -> Sentence | None:
    text = ngettext(
        "%(count)s person could not sign in any more by a way that they have used so far:",
        "%(count)s people could not sign in any more by a way that they have used so far:",
        found.count,
    )
    return _sentence(text, found)


def _sentence(text: str, found: Concerned, *, since: str = "") -> Sentence | None:
    if not found.count:
        return None
    people = [(email, _detail(detail, since)) for email, detail in found.people]
    return Sentence(text % {"count": found.count}, people, found.others)


def _detail(detail: datetime | str | None, since: str) -> str:
    if isinstance(detail, datetime):
        return since % {"when": f"{date_format(detail, 'j F Y')}, {detail:%H:%M} UTC"}
    return detail or ""


_SECTIONS: dict[str, Callable[[_Asked], Iterator[Sentence | None]]] = {
    "rules": _rules,
    "saml": _saml,
    "google": _google,
    "networks": _networks,
    "factor": _factor,
}
