"""Two weeks in which the sample company's people have signed in already.

Each sign-in goes the whole way that a real one does, only at an earlier time.
"""

import secrets
from datetime import datetime, timedelta

from passerelle.directory.models import Application, User
from passerelle.practice_idp.faults import find_fault, respond
from passerelle.practice_idp.issue import Issue, SigningKey
from passerelle.practice_idp.people import Person
from passerelle.sso.connections.connection import addresses_of
from passerelle.sso.models import SamlConnection
from passerelle.sso.records.traces import keep_application_visit
from passerelle.sso.sign_in.finish import Visit, finish_sign_in
from passerelle.sso.sign_in.saml import Refused, accept_response

DAYS = 14
WEEKEND = (5, 6)
ADDRESS = "203.0.113.7"
COLLEAGUES = tuple(
    # As the practice identity provider knows whoever is typed in there.
    Person(f"u-{first.lower()}@acme.example", f"{first.lower()}@acme.example", first, "Example")
    for first in (
        "Erin",
        "Farid",
        "Hugo",
        "Ingrid",
        "Jonas",
        "Karim",
        "Lea",
        "Marta",
        "Noah",
        "Olga",
    )
)
OUTSIDER = Person("u-3001", "pia@contractor.example", "Pia", "Example", ("contractors",))
REFUSED = {
    2: (COLLEAGUES[1], "audience"),
    5: (OUTSIDER, ""),
    8: (COLLEAGUES[4], "expired"),
}
"""On which working day who was refused, for their provider's mistake or for who they are."""


def play(connection: SamlConnection, key: SigningKey, *, now: datetime) -> None:
    """Have the colleagues come day by day, one of them new on most, each on their own days."""
    dashboard = Application.objects.filter(company=connection.company, kind="oidc").first()
    days = [now - timedelta(days=ago) for ago in range(DAYS, 0, -1)]
    working = [day for day in days if day.weekday() not in WEEKEND]
    for place, day in enumerate(working):
        for number, person in enumerate(COLLEAGUES):
            if number > place + 1 or (number + place) % 3 == 0:
                continue
            time = day - timedelta(hours=1) + timedelta(minutes=7 * number)
            user = _sign_in(connection, key, person, "", time)
            if user is not None and dashboard is not None and number % 2 == 0:
                visited = time + timedelta(minutes=1)
                keep_application_visit(dashboard, user, address=ADDRESS, now=visited)
        if place in REFUSED:
            _sign_in(connection, key, *REFUSED[place], day)


def _sign_in(
    connection: SamlConnection, key: SigningKey, person: Person, fault: str, now: datetime
) -> User | None:
    ours = addresses_of(connection)
    issue = Issue(
        idp_entity_id=connection.idp_entity_id,
        audience=ours.sp_entity_id,
        acs_url=ours.acs_url,
        person=person,
        now=now,
        response_id="_" + secrets.token_hex(16),
        assertion_id="_" + secrets.token_hex(16),
    )
    field = respond(issue, key, find_fault(fault))
    try:
        parked = accept_response(connection.slug, field, relay_state="", address=ADDRESS, now=now)
        visit = Visit(
            slug=connection.slug,
            code=parked.code,
            cookie=parked.cookie,
            binding=None,
            address=ADDRESS,
            now=now,
        )
        return finish_sign_in(visit).user
    except Refused:
        return None
