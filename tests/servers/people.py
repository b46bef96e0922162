"""The people whom the test identity provider knows."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """One account at the identity provider; `username` never changes, the rest may."""

    username: str
    first_name: str
    last_name: str
    groups: tuple[str, ...] = ()
    password: str = "a password for tests"
    domain: str = "acme.example"

    @property
    def email(self) -> str:
        """The address that the identity provider asserts."""
        return f"{self.username}@{self.domain}"

    @property
    def attributes(self) -> dict[str, list[str]]:
        """What SimpleSAMLphp knows; `uid` feeds the persistent NameID and is never sent."""
        known = {
            "uid": [self.username],
            "email": [self.email],
            "firstName": [self.first_name],
            "lastName": [self.last_name],
            "groups": list(self.groups),
        }
        return {name: values for name, values in known.items() if values}


CAST = (
    Person("grace", "Grace", "Hopper", ("analysts",)),
    Person("ada", "Ada", "Lovelace", ("platform-admins", "analysts")),
    Person("zoe", "Zoé 美玲", "O'Brien & Ñandú-Gøran", ("équipe données", "R&D")),
    Person("linus", "Linus", "Nogroup"),
)
