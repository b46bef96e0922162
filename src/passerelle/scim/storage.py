"""The directory as the protocol reads and writes it."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Prefetch, QuerySet
from django.db.models.functions import Coalesce
from scim2_models import (
    Group,
    InvalidValueException,
    NotFoundException,
    NotImplementedException,
    PreconditionFailedException,
    Resource,
    ResourceType,
    ResponseParameters,
    SearchRequest,
    UniquenessException,
)
from scim2_server.storage import ScimStorage, SearchPage

from passerelle.administration.lockout import refuse_lockout
from passerelle.audit.record import PROVISIONING_CLIENT, Actor
from passerelle.directory import managed
from passerelle.directory.actions import Gone, LastAdministrator
from passerelle.directory.models import Company, GroupMember, MachineToken
from passerelle.directory.models import Group as GroupRow
from passerelle.directory.models import User as UserRow
from passerelle.scim.filters import OF_GROUPS, OF_USERS, condition
from passerelle.scim.resources import (
    UNSAID,
    as_group,
    as_person,
    cleared,
    external_id_of,
    following,
    group_name_of,
    identifier,
    members_of,
    person_of,
    plain,
    uuid_of,
)
from passerelle.sso.sessions.enforcement import NoWayBack

SORTED_BY = {
    "id": "id",
    "username": "shown_user_name",
    "name.givenname": "first_name",
    "name.familyname": "last_name",
    "emails.value": "email_key",
    "meta.created": "created_at",
    "meta.lastmodified": "managed__modified_at",
}
GROUPS_SORTED_BY = {
    "id": "id",
    "displayname": "name_key",
    "meta.created": "created_at",
    "meta.lastmodified": "modified_at",
}


class Directory(ScimStorage):
    """One company's people and groups, for one request of its client."""

    def __init__(self, token: MachineToken, *, writes: bool, now: datetime) -> None:
        self.company, self.now, self.writes = token.company, now, writes
        self.patches = False
        """What is missing after a patch was taken away; in a PUT it was not said."""
        self.actor = Actor(PROVISIONING_CLIENT, token.name)

    @contextmanager
    def operation(self) -> Iterator[None]:
        """One transaction, and one change of the company's people at a time."""
        with transaction.atomic():
            if self.writes:
                self.company = Company.locked(self.company.id)
            yield

    def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,
    ) -> Resource[Any]:
        if resource_type.name == "Group":
            row = self._group(resource_id)
            return as_group(
                row, self._members([row]) if _keeps_members(response_parameters) else None
            )
        return as_person(self._user(resource_id))

    def search(
        self,
        resource_types: list[ResourceType],
        search_request: SearchRequest[Any],
        *,
        position: Any = None,
    ) -> SearchPage:
        if len(resource_types) != 1:
            raise NotImplementedException(detail="search Users or Groups, one at a time")
        is_group = resource_types[0].name == "Group"
        rows: QuerySet[Any] = self.company.groups.all() if is_group else self._users()
        if search_request.filter is not None:
            of = OF_GROUPS if is_group else OF_USERS
            rows = rows.filter(condition(search_request.filter.ast, of)).distinct()
        total = rows.order_by().count()
        start, count = search_request.start_index_0 or 0, search_request.count
        if count == 0:
            return SearchPage(total, [])
        if start > total:
            return SearchPage(total, [])
        rows = rows.order_by(*_order(search_request, GROUPS_SORTED_BY if is_group else SORTED_BY))
        page = list(rows[start : None if count is None else start + count])
        if not is_group:
            return SearchPage(total, [as_person(row) for row in page])
        members = self._members(page) if _keeps_members(search_request) else None
        return SearchPage(total, [as_group(row, members) for row in page])

    def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        with _told():
            if isinstance(resource, Group):
                group = managed.add_group(
                    self.company,
                    group_name_of(resource),
                    external_id=external_id_of(resource),
                    members=members_of(resource),
                    actor=self.actor,
                    now=self.now,
                )
                return self.get(resource_type, str(group.id))
            with refuse_lockout(self.company):
                row = managed.add_person(
                    self.company, person_of(resource), actor=self.actor, now=self.now
                )
            return self.get(resource_type, str(row.user_id))

    def update(
        self,
        resource_type: ResourceType,
        resource: Resource[Any],
        *,
        expected_version: str | None = None,
    ) -> Resource[Any]:
        identifier = str(resource.id)
        self._refuse_stale(resource_type, identifier, expected_version)
        with _told():
            if isinstance(resource, Group):
                managed.change_group(
                    self._group(identifier),
                    group_name_of(resource),
                    external_id=external_id_of(resource),
                    members=members_of(resource)
                    if self.patches or resource.members is not None
                    else None,
                    actor=self.actor,
                    now=self.now,
                )
            else:
                user = self._user(identifier)
                person = cleared(user, following(user, person_of(resource)))
                if self.patches and person.active is None:
                    person.data[UNSAID] = True
                if self.patches and not person.data.get("emails"):
                    # Taken away of what is shown; the account keeps the one that it has.
                    person.data["emails"] = []
                with refuse_lockout(self.company):
                    managed.change_person(
                        self.company, user, person, actor=self.actor, now=self.now
                    )
        return self.get(resource_type, identifier)

    def delete(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        expected_version: str | None = None,
    ) -> None:
        self._refuse_stale(resource_type, resource_id, expected_version)
        with _told():
            if resource_type.name == "Group":
                managed.remove_group(self._group(resource_id), actor=self.actor, now=self.now)
            else:
                user = self._user(resource_id)
                with refuse_lockout(self.company):
                    managed.remove_person(user, actor=self.actor, now=self.now)

    def change_members(
        self,
        kind: ResourceType,
        group_id: str,
        added: Mapping[str, str],
        removed: Iterable[str],
        *,
        expected_version: str | None,
    ) -> None:
        """A few in and out, without reading the others."""
        with self.operation(), _told():
            self._refuse_stale(kind, group_id, expected_version)
            managed.change_members(
                self._group(group_id),
                added={identifier(one): plain(name) for one, name in added.items()},
                # Whoever is nobody here is in no group either.
                removed=[found for one in removed if (found := uuid_of(one))],
                actor=self.actor,
                now=self.now,
            )

    def _refuse_stale(self, kind: ResourceType, identifier: str, expected: str | None) -> None:
        if expected is not None:
            current = self.get(kind, identifier)
            if current.meta is None or current.meta.version != expected:
                raise PreconditionFailedException

    def _users(self) -> "QuerySet[UserRow]":
        memberships = GroupMember.objects.select_related("group").order_by("group__name")
        rows = self.company.users.select_related("managed")
        return rows.annotate(
            shown_user_name=Coalesce("managed__user_name_key", "email_key")
        ).prefetch_related(Prefetch("groups", queryset=memberships))

    def _user(self, identifier: str) -> UserRow:
        found = uuid_of(identifier)
        row = self._users().filter(id=found).first() if found else None
        if row is None:
            raise NotFoundException(detail=f"there is no user {identifier[:100]}")
        return row

    def _group(self, identifier: str) -> GroupRow:
        found = uuid_of(identifier)
        rows = self.company.groups.select_related("company")
        row = rows.filter(id=found).first() if found else None
        if row is None:
            raise NotFoundException(detail=f"there is no group {identifier[:100]}")
        return row

    def _members(self, groups: list[GroupRow]) -> dict[UUID, list[tuple[UUID, str]]]:
        found: dict[UUID, list[tuple[UUID, str]]] = {group.id: [] for group in groups}
        rows = GroupMember.objects.filter(group__in=groups).order_by("user_id")
        columns = ("group_id", "user_id", "display", "user__email")
        for group, user, display, email in rows.values_list(*columns):
            found[group].append((user, display or email))
        return found


def _keeps_members(parameters: ResponseParameters[Any] | None) -> bool:
    """Whether the answer is to have members: reading all of them takes long."""
    if parameters is None:
        return True
    left_out = [str(one).lower() for one in parameters.excluded_attributes or ()]
    asked = [str(one).lower() for one in parameters.attributes or ()]
    return "members" not in left_out and (
        not asked or any(one.startswith("members") for one in asked)
    )


def _order(request: SearchRequest[Any], columns: dict[str, str]) -> list[Any]:
    if request.sort_by is None:
        return ["id"]
    name = str(request.sort_by).rpartition(":")[2].lower()
    if name not in columns:
        known = ", ".join(sorted(columns))
        raise InvalidValueException(detail=f"{name} cannot be sorted by; these can: {known}")
    column = F(columns[name])
    if request.sort_order == SearchRequest.SortOrder.descending:
        return [column.desc(nulls_first=True), "-id"]
    return [column.asc(nulls_last=True), "id"]


@contextmanager
def _told() -> Iterator[None]:
    """What the directory refuses, in the protocol's words."""
    try:
        yield
    except managed.Taken as taken:
        raise UniquenessException(detail=f"another one has {taken} already") from taken
    except managed.NotAdopted as one:
        raise UniquenessException(
            detail=f"there is an account of {one} already, which is not taken over: existing "
            "accounts are not linked, its domain is not verified, or it is an administrator's and "
            "comes under another userName"
        ) from one
    except managed.AddressOfAdministrator as one:
        raise InvalidValueException(
            detail=f"{one} is an administrator: administrators change their address, on the pages"
        ) from one
    except NoWayBack as lost:
        raise InvalidValueException(
            detail="this would take the last way back for when single sign-on fails: an "
            "administrator with emergency access and a password"
        ) from lost
    except managed.UnknownMember as unknown:
        raise InvalidValueException(detail=f"{unknown} is no user of this company") from unknown
    except LastAdministrator as last:
        raise InvalidValueException(
            detail="this is the company's last administrator: make another one first"
        ) from last
    except Gone as gone:
        raise NotFoundException(detail="somebody else has removed this user") from gone
