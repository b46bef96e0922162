"""The protocol: what it serves, what it tolerates, and one request of it."""

import json
from dataclasses import replace
from datetime import datetime
from functools import cache
from http import HTTPStatus
from typing import Any

from scim2_models import (
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    EnterpriseUser,
    ETag,
    Filter,
    ForbiddenException,
    Group,
    Patch,
    ResourceType,
    SCIMException,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    UnauthorizedException,
    User,
)
from scim2_server.handler import ScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.routing import Operation
from scim2_server.service import ScimService

from passerelle.directory.models import MachineToken
from passerelle.scim import shapes
from passerelle.scim.resources import Person
from passerelle.scim.storage import Directory

MAX_RESULTS, MAX_OPERATIONS, MAX_PAYLOAD = 1000, 500, 1024 * 1024
READS = ("GET", "HEAD")
TOLERANT = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)


class Service(ScimService):
    """Tokens that may only read change nothing."""

    def authorize(self, request: ScimRequest, target: Any, resource_type: ResourceType) -> None:
        reads = (Operation.query, Operation.search, Operation.search_with_body)
        if request.subject.read_only and target.operation not in reads:
            raise ForbiddenException(detail="this token may only read")


@cache
def service() -> Service:
    provider = ScimProvider(
        models=[User, EnterpriseUser, Group],
        resource_types=[
            ResourceType.from_resource(Person),
            ResourceType.from_resource(Group),
        ],
        config=ServiceProviderConfig(
            patch=Patch(supported=True),
            bulk=Bulk(supported=True, max_operations=MAX_OPERATIONS, max_payload_size=MAX_PAYLOAD),
            filter=Filter(supported=True, max_results=MAX_RESULTS),
            change_password=ChangePassword(supported=False),
            sort=Sort(supported=True),
            etag=ETag(supported=True),
            authentication_schemes=[
                AuthenticationScheme(
                    type=AuthenticationScheme.Type.oauthbearertoken,
                    name="Bearer token",
                    description="A token of the company, in the Authorization header",
                    primary=True,
                )
            ],
        ),
    )
    return Service(provider)


def handle(request: ScimRequest, token: MachineToken | None, *, now: datetime) -> ScimResponse:
    """One request, answered whatever it holds."""
    protocol = service()
    request = replace(request, subject=token)
    try:
        if token is None:
            raise UnauthorizedException(detail="a bearer token of scope scim is wanted")
        with TOLERANT:
            return _served(protocol, request, token, now)
    except SCIMException as error:
        return protocol.error_response(error)


def _served(
    protocol: Service, request: ScimRequest, token: MachineToken, now: datetime
) -> ScimResponse:
    writes = request.method not in READS and not request.path.rstrip("/").endswith(".search")
    patches = request.method == "PATCH"
    storage = Directory(token, writes=writes, patches=patches, now=now)
    request = replace(request, query=_query(request), body=_body(request))
    handler = ScimHandler(protocol, storage)
    if patches:
        with protocol.provider:
            target = protocol.match(request)
        body = _decoded(request.body)
        if isinstance(body, dict) and body.get("Operations") == []:
            # Nothing is asked for, and nothing is done; to somebody who is there.
            handler.query(replace(request, method="GET", body=b""))
            return ScimResponse(HTTPStatus.NO_CONTENT)
        if target.endpoint == "Groups" and not token.read_only and not request.header("If-Match"):
            members = shapes.only_members(body)
            if members is not None and target.resource_id:
                storage.change_members(target.resource_id, *members)
                return ScimResponse(HTTPStatus.NO_CONTENT)
        response = handler.handle(request)
        if target.endpoint == "Groups":
            # Entra wants it so, and a large group is not sent back for one member.
            return ScimResponse(HTTPStatus.NO_CONTENT)
        return response
    return handler.handle(request)


def _query(request: ScimRequest) -> dict[str, str]:
    query = dict(request.query)
    if "filter" in query:
        query["filter"] = shapes.quoted(query["filter"])
    return query


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _body(request: ScimRequest) -> bytes:
    decoded = _decoded(request.body) if request.body else None
    if decoded is None:
        return request.body
    if request.method == "PATCH":
        return json.dumps(shapes.patch(decoded)).encode()
    if request.method in ("POST", "PUT") and not request.path.rstrip("/").endswith(
        (".search", "Bulk")
    ):
        return json.dumps(shapes.resource(decoded)).encode()
    return request.body
