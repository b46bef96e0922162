"""The protocol: what it serves, what it tolerates, and one request of it."""

import json
import logging
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
    InvalidValueException,
    Patch,
    Resource,
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

MAX_MIXED = 100
"""Operations of one patch that does more than put members in and take them out."""
MAX_RESULTS, MAX_OPERATIONS, MAX_PAYLOAD = 1000, 500, 1024 * 1024
READS = ("GET", "HEAD")
log = logging.getLogger("passerelle")
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

    def bulk_failure(self, outcome: dict[str, Any], exception: Exception) -> dict[str, Any]:
        if not isinstance(exception, SCIMException):
            log.error("an operation in bulk failed", exc_info=exception)
        return super().bulk_failure(outcome, exception)


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


class Handler(ScimHandler):
    """What is missing after a patch was taken away, alone or in bulk."""

    storage: Directory

    def patch_resource(self, *given: Any) -> Resource[Any]:
        self.storage.patches = True
        try:
            return super().patch_resource(*given)
        finally:
            self.storage.patches = False


def _served(
    protocol: Service, request: ScimRequest, token: MachineToken, now: datetime
) -> ScimResponse:
    writes = request.method not in READS and not request.path.rstrip("/").endswith(".search")
    storage = Directory(token, writes=writes, now=now)
    request = replace(request, query=_query(request), body=_body(request))
    handler = Handler(protocol, storage)
    if request.method != "PATCH":
        return handler.handle(request)
    with protocol.provider:
        target = protocol.match(request)
    body = _decoded(request.body)
    if isinstance(body, dict) and body.get("Operations") == []:
        # Nothing is asked for, and nothing is done; to somebody who is there.
        handler.query(replace(request, method="GET", body=b""))
        return ScimResponse(HTTPStatus.NO_CONTENT)
    if target.endpoint != "Groups":
        return handler.handle(request)
    members = None if token.read_only else shapes.only_members(body)
    if members is not None and target.resource_id:
        expected = request.header("If-Match")
        kind = protocol.resource_type_at("Groups")
        version = None if expected in (None, "*") else expected
        storage.change_members(kind, target.resource_id, *members, expected_version=version)
    else:
        _refuse_many(body)
        handler.handle(request)
    # Entra wants it so, and a large group is not sent back for one member.
    return ScimResponse(HTTPStatus.NO_CONTENT)


def _refuse_many(body: Any) -> None:
    """Each member that is taken out among other changes costs a look at all the others."""
    operations = body.get("Operations") if isinstance(body, dict) else None
    if isinstance(operations, list) and len(operations) > MAX_MIXED:
        raise InvalidValueException(
            detail=f"expected at most {MAX_MIXED} operations; send changes of members in a request "
            "of their own, which may have as many as you like"
        )


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
    path = request.path.rstrip("/")
    if path.endswith("/Bulk"):
        return json.dumps(_bulk(decoded)).encode()
    if request.method in ("POST", "PUT") and not path.endswith("/.search"):
        return json.dumps(shapes.resource(decoded)).encode()
    return request.body


def _bulk(body: Any) -> Any:
    """Each operation in the form that it would have alone."""
    operations = body.get("Operations") if isinstance(body, dict) else None
    if not isinstance(operations, list):
        return body
    return {**body, "Operations": [_operation(one) for one in operations]}


def _operation(operation: Any) -> Any:
    if not isinstance(operation, dict) or "data" not in operation:
        return operation
    is_patch = str(operation.get("method")).upper() == "PATCH"
    data = (shapes.patch if is_patch else shapes.resource)(operation["data"])
    if is_patch:
        _refuse_many(data)
    return {**operation, "data": data}
