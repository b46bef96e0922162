"""The people of the sample company's directory."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """One entry of the directory. `subject` is the identifier that never changes."""

    subject: str
    email: str
    first_name: str
    last_name: str
    groups: tuple[str, ...] = ()


PEOPLE = (
    Person("u-1001", "alice@acme.example", "Alice", "Example", ("analysts",)),
    Person("u-1002", "bob@acme.example", "Bob", "Example", ("analysts", "platform-admins")),
    Person("u-1003", "chloe@acme.example", "Chloé", "d’Exemple"),
    Person("u-1004", "dana@contractor.example", "Dana", "Example", ("contractors",)),
)


def find_person(subject: str) -> Person | None:
    return next((person for person in PEOPLE if person.subject == subject), None)
