"""A CSV file of people to invite or to give rights: read line by line, and carried out as seen."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from passerelle.directory import actions
from passerelle.directory.models import Company, PermissionSet, User, Workspace
from passerelle.infra.csv_lines import as_it_was
from passerelle.provisioning import EmailAddress, parse_email
from passerelle.provisioning.person_name import is_one_line
from passerelle.sso.outbox.letters import MAX_INVITATIONS, send_invitation
from passerelle.web.frame.access import Acting

COLUMNS = ("email", "first_name", "last_name", "workspace", "permission_set")
MAX_LINES = 1000
MAX_NAME = 150


def too_many_invitations() -> str:
    """What is said to who invites more people than a company may within an hour."""
    return _(
        "Within an hour, at most %(limit)s people are invited. Invite fewer now, and the rest "
        "later."
    ) % {"limit": MAX_INVITATIONS}


class Unreadable(Exception):  # noqa: N818 - reads as what is the matter
    """A file that is no list of people; the sentence says why."""


@dataclass(slots=True)
class Line:
    """One line of the file, and what it would do."""

    number: int
    email: str
    first_name: str = ""
    last_name: str = ""
    address: EmailAddress | None = None
    workspace: Workspace | None = None
    permission_set: PermissionSet | None = None
    user: User | None = None
    """Whose account exists."""
    problem: str = ""

    @property
    def invites(self) -> bool:
        return not self.problem and self.user is None

    @property
    def gives(self) -> bool:
        return not self.problem and self.workspace is not None


def read_people(company: Company, content: bytes) -> list[Line]:
    """Each line with what it would do, or what is wrong with it. Raises Unreadable."""
    lines = list(_read(_decoded(content)))
    if not lines:
        raise Unreadable(_("The file has no line below its headings."))
    _check(company, lines)
    return [line for line, _row in lines]


def _decoded(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # What spreadsheets on Windows save as "CSV".
        text = content.decode("cp1252", "replace")
    if "\0" in text:
        raise Unreadable(_("This is no text file. Save the list as CSV."))
    return text


def _read(text: str) -> Iterator[tuple[Line, dict[str, str]]]:
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        headings = [_heading(one) for one in next(reader, [])]
        if "email" not in headings:
            raise Unreadable(
                _("The first line must name the columns, “email” among them. Known: %(columns)s.")
                % {"columns": ", ".join(COLUMNS)}
            )
        for number, cells in enumerate(reader, 2):
            row = dict(zip(headings, (_cell(cell) for cell in cells), strict=False))
            if not any(row.values()):
                continue
            if number > MAX_LINES + 1:
                raise Unreadable(
                    _("The file has more than %(count)s lines.") % {"count": MAX_LINES}
                )
            yield Line(number, row.get("email", "")[:300]), row
    except csv.Error as error:
        raise Unreadable(_("This is no CSV file: %(error)s.") % {"error": error}) from None


_HEADINGS = {
    "e-mail": "email",
    "e-mail address": "email",
    "adresse e-mail": "email",
    "mail": "email",
    "prénom": "first_name",
    "first name": "first_name",
    "nom": "last_name",
    "last name": "last_name",
    "espace de travail": "workspace",
    "permission set": "permission_set",
    "ensemble d'autorisations": "permission_set",
}


def _heading(text: str) -> str:
    """The column that a heading means, in the words of usual spreadsheets."""
    plain = text.strip().casefold().replace("’", "'")
    return _HEADINGS.get(plain, plain)


def _cell(text: str) -> str:
    """Without what our own download puts before something that would be taken for a formula."""
    return as_it_was(text.strip())


def _check(company: Company, lines: list[tuple[Line, dict[str, str]]]) -> None:
    workspaces = {one.name.casefold(): one for one in company.workspaces.all()}
    sets = {one.name.casefold(): one for one in company.permission_sets.all()}
    for line, row in lines:
        line.address = parse_email(line.email)
        line.first_name, line.last_name = row.get("first_name", ""), row.get("last_name", "")
        workspace, permission_set = row.get("workspace", ""), row.get("permission_set", "")
        line.workspace = workspaces.get(workspace.casefold())
        line.permission_set = sets.get(permission_set.casefold())
        line.problem = _problem(line, workspace, permission_set)
    first: dict[str, int] = {}
    for line, _row in lines:
        if line.address is not None and not line.problem:
            number = first.setdefault(line.address.key, line.number)
            # Another line of the same person gives them another right, or nothing.
            if number != line.number and line.workspace is None:
                line.problem = _("The same person as in line %(number)s.") % {"number": number}
    keys = [line.address.key for line, _row in lines if line.address]
    known = {user.email_key: user for user in company.users.filter(email_key__in=keys)}
    for line, _row in lines:
        line.user = known.get(line.address.key) if line.address else None


def _problem(line: Line, workspace: str, permission_set: str) -> str:
    names = (line.first_name, line.last_name)
    if line.address is None:
        return _("This is no e-mail address.")
    if any(len(name) > MAX_NAME or not is_one_line(name) for name in names):
        return _("A name has at most %(count)s characters.") % {"count": MAX_NAME}
    if workspace and line.workspace is None:
        return _("There is no workspace “%(name)s”.") % {"name": workspace[:100]}
    if permission_set and line.permission_set is None:
        return _("There is no permission set “%(name)s”.") % {"name": permission_set[:100]}
    if bool(workspace) != bool(permission_set):
        return _("A right needs both a workspace and a permission set.")
    return ""


@transaction.atomic
def import_people(company: Company, lines: list[Line], who: Acting) -> tuple[int, int]:
    """Invite and give what the good lines say; return how many of each that were."""
    Company.locked(company.id)
    people: dict[str, User] = {}
    invited = given = 0
    for line in lines:
        if line.problem or line.address is None:
            continue
        user = people.get(line.address.key) or line.user
        if user is None:
            user = actions.invite(
                company,
                line.address,
                is_administrator=False,
                first_name=line.first_name,
                last_name=line.last_name,
                **who,
            )
            if user is not None:
                invited += 1
                send_invitation(user, who=who["actor"].name, many=True, now=who["now"])
            user = user or company.users.get(email_key=line.address.key)
        people[line.address.key] = user
        if line.workspace is not None and line.permission_set is not None:
            given += actions.give_by_hand(user, line.workspace, line.permission_set, **who)
    return invited, given
