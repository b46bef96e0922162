"""A practice identity provider for demonstrations: it signs in whoever you choose.

It speaks to the service over HTTP only, like any other identity provider, and its addresses exist
only inside `passerelle demo`.
"""
