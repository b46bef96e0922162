"""The attributes that the usual identity providers send, without any configuration."""

import pytest

from passerelle.provisioning import AttributeNames, parse_email, read_profile
from passerelle.provisioning.mapping import (
    NAME_ID_EMAIL,
    NAME_ID_TRANSIENT,
    for_rules,
    values_for_rule,
)
from tests.provisioning.accounts import IDP

PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
MICROSOFT = "http://schemas.microsoft.com/ws/2008/06/identity/claims/"
GROUPS = ("admins", "analysts")

PROVIDERS = {
    "Okta": ("email", "firstName", "lastName", "groups"),
    "Okta with user attributes": ("user.email", "user.firstName", "user.lastName", "groups"),
    "Entra ID": (
        CLAIMS + "emailaddress",
        CLAIMS + "givenname",
        CLAIMS + "surname",
        MICROSOFT + "groups",
    ),
    "Google": ("email", "first_name", "last_name", "groups"),
    "AD FS": (
        CLAIMS + "emailaddress",
        CLAIMS + "givenname",
        CLAIMS + "surname",
        "http://schemas.xmlsoap.org/claims/Group",
    ),
    "Keycloak": (
        "urn:oid:1.2.840.113549.1.9.1",
        "urn:oid:2.5.4.42",
        "urn:oid:2.5.4.4",
        "memberOf",
    ),
    "Keycloak by name": ("email", "given_name", "family_name", "member_of"),
    "SimpleSAMLphp": ("mail", "givenName", "sn", "memberOf"),
    "Shibboleth": (
        "urn:oid:0.9.2342.19200300.100.1.3",
        "urn:oid:2.5.4.42",
        "urn:oid:2.5.4.4",
        "urn:oid:1.3.6.1.4.1.5923.1.5.1.1",
    ),
    "Shibboleth by name": ("mail", "givenName", "surname", "isMemberOf"),
}


def read(attributes=None, *, name_id="u-1", name_id_format=PERSISTENT, subject_attribute=""):
    return read_profile(
        idp_entity_id=IDP,
        name_id=name_id,
        name_id_format=name_id_format,
        attributes=attributes or {},
        names=AttributeNames(subject=subject_attribute),
    )


def values_of(attributes, name):
    return values_for_rule(for_rules(attributes), name)


@pytest.mark.parametrize("names", PROVIDERS.values(), ids=PROVIDERS)
def test_the_usual_names_are_understood(names):
    email, first, last, groups = names
    who = read({email: ("g@acme.example",), first: ("Grace",), last: ("Hopper",), groups: GROUPS})
    assert who.email == parse_email("g@acme.example")
    assert (who.first_name, who.last_name, who.subject) == ("Grace", "Hopper", "u-1")
    assert values_for_rule(who.attributes, "groups") == GROUPS
    assert values_for_rule(who.attributes, groups.upper()) == GROUPS


def test_the_first_usable_address_wins():
    who = read({"mail": ("no address", " grace@acme.example ", "ada@acme.example")})
    assert who.email == parse_email("grace@acme.example")


def test_the_better_name_wins_whatever_the_order():
    who = read({"mail": ("b@acme.example",), "Email": ("a@acme.example",)})
    assert who.email.key == "a@acme.example"


@pytest.mark.parametrize("sent", [(), ("",), ("  ",)])
def test_an_empty_address_is_none_sent(sent):
    who = read({"email": sent})
    assert (who.email, who.email_received) == (None, None)


def test_an_unusable_address_is_kept_to_be_shown():
    who = read({"email": ("x" * 400,)})
    assert who.email is None
    assert who.email_received == "x" * 300


def test_a_name_id_is_an_address_only_if_its_format_says_so():
    assert read(name_id="g@acme.example").email is None
    who = read(name_id="G@acme.example", name_id_format=NAME_ID_EMAIL)
    assert who.email.shown == "G@acme.example"
    assert who.subject == "g@acme.example"


def test_an_attribute_goes_before_the_name_id():
    who = read(
        {"email": ("a@acme.example",)}, name_id="b@acme.example", name_id_format=NAME_ID_EMAIL
    )
    assert (who.email.key, who.subject) == ("a@acme.example", "b@acme.example")


@pytest.mark.parametrize("name_id", ["grace", "Ｇrace@acme.example", "stra\u00dfe@acme.example"])
def test_a_name_id_that_says_it_is_an_address_and_is_none_is_no_subject(name_id):
    who = read({"email": ("g@acme.example",)}, name_id=name_id, name_id_format=NAME_ID_EMAIL)
    assert (who.subject, who.name_id_received) == (None, name_id)


def test_a_transient_name_id_is_no_subject():
    who = read(name_id="_x", name_id_format=NAME_ID_TRANSIENT)
    assert (who.subject, who.name_id_received) == (None, None)


def test_a_stable_attribute_is_the_subject_instead():
    who = read(
        {"UID": (" g-1 ",)}, name_id_format=NAME_ID_TRANSIENT, name_id="_x", subject_attribute="uid"
    )
    assert who.subject == "g-1"


@pytest.mark.parametrize("values", [(), ("",), ("a", "b")])
def test_a_stable_attribute_must_have_one_value(values):
    who = read({"uid": values}, subject_attribute="uid", name_id_format=NAME_ID_EMAIL)
    assert (who.subject, who.name_id_received) == (None, None)


def test_persistent_identifiers_differ_by_case():
    assert read(name_id="AbC").subject != read(name_id="abc").subject


def test_a_name_is_one_short_line_without_control_characters():
    who = read({"givenName": ("  Grace\n\tMurray\x00\u202e ",), "sn": ("x" * 400,)})
    assert who.first_name == "Grace Murray"
    assert who.last_name == "x" * 150


@pytest.mark.parametrize("link", ["http://schemas.microsoft.com/claims/groups.link"])
@pytest.mark.parametrize("name", ["groups", MICROSOFT + "groups", "memberOf"])
def test_a_link_instead_of_groups_means_that_groups_are_missing(name, link):
    assert values_of({link: ("https://graph.example/",), "groups": ("a",)}, name) is None
    assert values_of({link: ("https://graph.example/",), "role": ("a",)}, "role") == ("a",)


def test_missing_is_not_empty():
    assert values_of({"mail": ("x",)}, "groups") is None
    assert values_of({"groups": ()}, "groups") == ()


def test_an_attribute_that_is_repeated_under_other_names_adds_up():
    attributes = {"Groups": ("a",), "memberOf": ("b",)}
    assert set(values_of(attributes, "groups")) == {"a", "b"}


def test_names_that_a_connection_chose_are_read_instead_of_the_usual_ones():
    names = AttributeNames(email="Courriel", first_name="prenom", last_name="nom")
    sent = {
        "courriel": ("grace@acme.example",),
        "mail": ("other@acme.example",),
        "PRENOM": ("Grace",),
        "givenName": ("Other",),
        "nom": ("Hopper",),
    }
    who = read_profile(
        idp_entity_id=IDP, name_id="u-1", name_id_format="", attributes=sent, names=names
    )
    assert who.email == parse_email("grace@acme.example")
    assert (who.first_name, who.last_name) == ("Grace", "Hopper")


def test_a_chosen_attribute_that_is_missing_is_not_replaced_by_another():
    who = read_profile(
        idp_entity_id=IDP,
        name_id="grace@acme.example",
        name_id_format=NAME_ID_EMAIL,
        attributes={"mail": ("grace@acme.example",)},
        names=AttributeNames(email="courriel"),
    )
    assert who.email is None


def test_all_addresses_are_read_each_once_and_a_bounded_number_of_them():
    who = read({"mail": ("A@acme.example", "b@acme.example", "a@acme.example"), "email": ("x",)})
    assert [one.key for one in who.emails] == ["a@acme.example", "b@acme.example"]
    many = tuple(f"a{number}@acme.example" for number in range(50))
    assert len(read({"mail": many}).emails) == 20


def test_composing_letters_makes_no_address_and_no_subject_another():
    who = read({"mail": ("\u212aate@acme.example",), "uid": ("e\u0301",)}, subject_attribute="uid")
    assert (who.emails, who.subject) == ((), "e\u0301")


@pytest.mark.parametrize(
    "name",
    ["displayName", "cn", CLAIMS + "name", "urn:oid:2.16.840.1.113730.3.1.241", "urn:oid:2.5.4.3"],
)
def test_a_name_in_one_piece_is_read_where_first_and_last_name_are_not_sent(name):
    who = read({name: ("Grace Brewster Hopper",)})
    assert (who.first_name, who.last_name) == ("Grace Brewster", "Hopper")


def test_a_single_word_is_a_first_name():
    who = read({"displayName": (" Grace ",)})
    assert (who.first_name, who.last_name) == ("Grace", "")


def test_a_name_in_one_piece_gives_way_to_the_names_that_are_sent():
    who = read({"displayName": ("Grace Hopper",), "sn": ("Murray",)})
    assert (who.first_name, who.last_name) == ("", "Murray")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        # Persian with a non-joiner, Sinhala and Malayalam with joiners.
        ("امیر\u200cحسین", "امیر\u200cحسین"),
        ("ශ්\u200dරී", "ශ්\u200dරී"),
        ("രമേശന്\u200d നായര്\u200d", "രമേശന്\u200d നായര്\u200d"),
        ("ക്\u200dഷ", "ക്\u200dഷ"),
        ("Gra\u200b\u202ece\u200d", "Gra ce"),
        ("\u200dGrace \u200d Hopper", "Grace Hopper"),
    ],
)
def test_joiners_stay_between_letters_and_other_formatting_goes(sent, kept):
    assert read({"givenName": (sent,)}).first_name == kept


def test_several_values_in_one_are_split_only_where_the_connection_says_so():
    sent = {"groups": ("a; b;c",), "mail": ("grace@acme.example",), "sn": ("Hopper; Grace",)}
    who = read(sent)
    assert who.attributes["groups"] == ("a; b;c",)
    who = read_profile(
        idp_entity_id=IDP, name_id="u-1", name_id_format="", attributes=sent, separator=";"
    )
    assert who.attributes["groups"] == ("a", "b", "c")
    assert who.last_name == "Hopper; Grace"


def test_splitting_makes_no_endless_list():
    found = for_rules({"groups": (";" * 50_000, "a;b")}, ";")
    assert len(found["groups"]) <= 20_002
