"""People and groups as the protocol writes them, and as the directory reads what it says."""

import hashlib
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from scim2_models import Context, EnterpriseUser, Group, InvalidValueException, Resource, User

from passerelle.directory import managed
from passerelle.directory.models import Group as GroupRow
from passerelle.directory.models import User as UserRow
from passerelle.provisioning import EmailAddress, parse_email
from passerelle.provisioning.composed import composed

Person = User[EnterpriseUser]
MAX_NAME = 300
NAMES = ("givenName", "familyName")
UNSAID = "active was taken away"
"""Of a client that wants nothing said of it: whether somebody is active goes on as it was."""
# What has a column of its own, or is nobody's to say.
OWN = ("schemas", "id", "externalId", "userName", "active", "password", "groups", "meta")


def as_person(row: UserRow) -> Resource[Any]:
    kept = getattr(row, "managed", None)
    data = dict(kept.data) if kept else {}
    is_unsaid = data.pop(UNSAID, False)
    is_suspended = row.status == UserRow.Status.SUSPENDED
    addresses = data.get("emails") or []
    has_one = row.email_domain != managed.NO_ADDRESS
    if has_one and data.get("emails") != [] and not any(_is_address(one, row) for one in addresses):
        data["emails"] = [{"value": row.email, "type": "work", "primary": True}]
    data["name"] = {
        **data.get("name", {}),
        **({"givenName": row.first_name} if row.first_name else {}),
        **({"familyName": row.last_name} if row.last_name else {}),
    }
    if not data["name"]:
        del data["name"]
    modified = kept.modified_at if kept else row.created_at
    state = (row.email, row.first_name, row.last_name, row.status, modified.isoformat())
    groups = [(str(one.group_id), one.group.name) for one in row.groups.all()]
    version = (*state, kept.revision if kept else 0, groups)
    return Person.model_validate(
        {
            **data,
            "id": str(row.id),
            "userName": kept.user_name if kept else row.email,
            "externalId": kept.external_id if kept else None,
            "active": None if is_unsaid else not is_suspended,
            "groups": [
                {"value": value, "$ref": f"Groups/{value}", "display": name, "type": "direct"}
                for value, name in groups
            ]
            or None,
            "meta": _meta("User", row.created_at, modified, _digest(version)),
        }
    )


def as_group(row: GroupRow, members: dict[UUID, list[tuple[UUID, str]]] | None) -> Resource[Any]:
    return Group.model_validate(
        {
            "id": str(row.id),
            "displayName": row.name,
            "externalId": row.external_id,
            "members": [
                {"value": str(user), "$ref": f"Users/{user}", "display": email, "type": "User"}
                for user, email in (members or {}).get(row.id, [])
            ]
            or None,
            "meta": _meta("Group", row.created_at, row.modified_at, f'W/"{row.revision}"'),
        }
    )


def person_of(resource: Any) -> managed.Person:
    user_name = str(resource.user_name or "").strip()
    longest = max(len(user_name), len(user_name.casefold()))
    if not user_name or longest > MAX_NAME or not user_name.isprintable():
        raise InvalidValueException(detail="userName: expected 1 to 300 printable characters")
    said = resource.model_dump(scim_ctx=Context.DEFAULT)
    data = {name: _kept(value) for name, value in said.items() if name not in OWN}
    first, last = (plain(said.get("name", {}).get(key, ""))[:150] for key in NAMES)
    return managed.Person(
        user_name=user_name,
        address=_address(user_name, resource.emails or []),
        first_name=first or None,
        last_name=last or None,
        external_id=external_id_of(resource),
        active=resource.active,
        data=data,
    )


def _kept(value: Any) -> Any:
    """A value as a database can keep it: without NUL."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, list):
        return [_kept(one) for one in value]
    if isinstance(value, dict):
        return {_kept(name): _kept(one) for name, one in value.items()}
    return value


def _address(user_name: str, emails: list[Any]) -> EmailAddress | None:
    """The primary address, else the one for work, else the first; else the userName."""
    ordered = sorted(emails, key=lambda one: (not one.primary, str(one.type or "") != "work"))
    texts = (*(one.value for one in ordered), user_name)
    return next((found for text in texts if (found := parse_email(str(text or "")))), None)


def cleared(user: UserRow, person: managed.Person) -> managed.Person:
    """What the client said of a name and says no more is gone; of what it never said, nothing."""
    kept = getattr(user, "managed", None)
    before = kept.data.get("name", {}) if kept else {}
    first, last = (
        "" if now is None and before.get(key) else now
        for key, now in zip(NAMES, (person.first_name, person.last_name), strict=True)
    )
    return replace(person, first_name=first, last_name=last)


def following(user: UserRow, person: managed.Person) -> managed.Person:
    """Where the userName was the address and is another one now, the address follows it."""
    kept = getattr(user, "managed", None)
    before = parse_email(kept.user_name if kept else user.email)
    after = parse_email(person.user_name)
    was_same = before is not None and before.key == user.email_key
    said = person.address.key if person.address else user.email_key
    if not was_same or after is None or said != user.email_key:
        return person
    if after.key == user.email_key:
        return person
    data = {name: value for name, value in person.data.items() if name != "emails"}
    return replace(person, address=after, data=data)


def plain(text: str | None) -> str:
    """One line, in composed letters: two names that look the same are the same."""
    printable = "".join(one if one.isprintable() else " " for one in text or "")
    return composed(" ".join(printable.split()))


def external_id_of(resource: Resource[Any]) -> str | None:
    text = (resource.external_id or "").replace("\0", "")
    if len(text) > MAX_NAME:
        raise InvalidValueException(detail="externalId: expected at most 300 characters")
    return text or None


def group_name_of(resource: Any) -> str:
    name = plain(resource.display_name)
    if not name or len(name) > MAX_NAME or len(name.casefold()) > 2 * MAX_NAME:
        raise InvalidValueException(detail="displayName: expected 1 to 300 characters")
    return name


def members_of(resource: Any) -> dict[UUID, str]:
    return {
        identifier(str(one.value)): plain(one.display)[:MAX_NAME] for one in resource.members or ()
    }


def identifier(text: str) -> UUID:
    found = uuid_of(text)
    if found is None:
        raise InvalidValueException(detail=f"{text[:100]!r} is no user of this company")
    return found


def uuid_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _is_address(one: Any, row: UserRow) -> bool:
    address = parse_email(str(one.get("value", ""))) if isinstance(one, dict) else None
    return address is not None and address.key == row.email_key


def _meta(kind: str, created: datetime, modified: datetime, version: str) -> dict[str, Any]:
    return {
        "resourceType": kind,
        "created": created,
        "lastModified": modified,
        "version": version,
    }


def _digest(state: Any) -> str:
    return f'W/"{hashlib.sha256(repr(state).encode()).hexdigest()[:20]}"'
