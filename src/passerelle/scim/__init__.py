"""SCIM 2.0 (RFC 7643, RFC 7644): a company's identity provider keeps its people and groups here.

The protocol is scim2-server's; what it reads and writes is ours. It takes a second to import, so
nothing of it is loaded before the first request.
"""
