"""SAML single sign-on inside a program of your own, in any framework.

    from passerelle.embed import MemoryStore, SignIn

    sign_in = SignIn(idp_metadata, base_url="https://app.example/saml", store=MemoryStore())
    begun = sign_in.begin(next_path="/reports", now=now)  # go to begun.address, keep begun.cookie
    address = sign_in.receive(form["SAMLResponse"], now=now)  # go there, whoever posted it
    arrived = sign_in.finish(code, cookie, now=now)  # arrived.person has signed in

A Django project uses `passerelle.embed.django` instead.
"""

from passerelle.embed.sign_in import Arrived, Begun, Person, Refused, SignIn
from passerelle.embed.store import MemoryStore, Store

__all__ = ["Arrived", "Begun", "MemoryStore", "Person", "Refused", "SignIn", "Store"]
