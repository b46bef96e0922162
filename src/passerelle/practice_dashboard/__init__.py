"""A practice dashboard for demonstrations: signed in to by OpenID Connect, like any other one.

It uses nothing of the rest and speaks to the service over HTTP only.
"""
