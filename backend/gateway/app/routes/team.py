"""Members of the workspace and invitations to it."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from gateway.app.dependencies import Caller, Gateway, GatewayDep, limited_by_address, parse_id
from gateway.app.models.auth import TokenAnswer
from gateway.app.models.workspaces import (
    Acceptance,
    InvitationRequest,
    InvitationView,
    MemberRemoved,
    MemberView,
    RoleChange,
    RoleChanged,
)
from gateway.app.queries import api_keys, audit, team, users, workspaces
from gateway.app.queries.audit import AuditEvent
from gateway.app.queries.team import Invitation
from gateway.app.queries.users import User
from gateway.app.routes.issuing import check_credentials, check_new_password, open_session
from gateway.app.team_rules import change_problem, rank, scopes_within
from shared.auth.context import AuthContext
from shared.auth.credentials import read_credential
from shared.auth.permissions import Permission
from shared.database import Connection
from shared.errors import (
    ConflictError,
    FieldProblem,
    ForbiddenError,
    InvalidFieldsError,
    NotFoundError,
    UnauthorizedError,
)
from shared.http.envelope import success
from shared.http.guard import GuardedRoute, authenticate, public, require
from shared.http.schema import Enveloped, EnvelopedPage, problems

router = APIRouter(
    prefix="/api/v1/team", tags=["team"], route_class=GuardedRoute, responses=problems(400, 401, 403, 422, 429, 503)
)

_admin = [Depends(require(Permission.ADMIN))]
_LONGEST_LIST = 10_000
MemberId = Annotated[str, Path(description="Id of the user", examples=["0193fb5e-8c4a-7d10-9b1e-5a0c2f6d7e81"])]


@router.get(
    "/members",
    dependencies=_admin,
    response_model=EnvelopedPage[MemberView],
    summary="Members of the workspace",
)
async def list_members(request: Request, caller: Caller, gateway: GatewayDep) -> Response:
    """Return everybody who belongs to the workspace, with role and last log-in."""
    found = await team.list_members(gateway.pool, uuid.UUID(caller.workspace_id))
    data = [MemberView.of(member).model_dump() for member in found]
    return success(request, data, pagination={"cursor": None, "has_more": False, "limit": _LONGEST_LIST})


@router.post(
    "/invite",
    status_code=201,
    dependencies=_admin,
    response_model=Enveloped[InvitationView],
    responses=problems(404, 409),
    summary="Invite by a link, shown this once",
)
async def invite_member(body: InvitationRequest, request: Request, caller: Caller, gateway: GatewayDep) -> Response:
    """Return a link for one person that is good for a week, and mail it where mail is set up."""
    if rank(_role_of(caller)) < rank(body.role):
        raise ForbiddenError("Nobody invites to a role above their own.")
    workspace_id, token = uuid.UUID(caller.workspace_id), gateway.opaque_tokens.make()
    async with gateway.transaction() as connection:
        if await team.is_member(connection, workspace_id, body.email):
            raise ConflictError("This address belongs to a member already.", code="already_member")
        invitation_id, expires_at = await team.invite(
            connection,
            workspace_id=workspace_id,
            email=body.email,
            role=body.role,
            token_hash=gateway.opaque_tokens.hash(token, "invitation"),
            user_id=uuid.UUID(caller.user_id) if caller.user_id else None,
            key_id=uuid.UUID(caller.key_id) if caller.key_id else None,
        )
        details = {"role": body.role}
        event = AuditEvent("invite_member", workspace_id, "invitation", str(invitation_id), details=details)
        await audit.append(connection, gateway.actor(request), event)
        workspace = await workspaces.find(connection, workspace_id, None)
        if workspace is None:
            raise NotFoundError
    gateway.mailer.send_invitation(body.email, workspace.name, token)
    view = InvitationView(
        id=invitation_id,
        email=body.email,
        role=body.role,
        link=gateway.mailer.invitation_link(token),
        expires_at=expires_at,
    )
    return success(request, view.model_dump(), status=201)


@router.post(
    "/accept",
    dependencies=[Depends(public()), limited_by_address],
    response_model=Enveloped[TokenAnswer],
    responses=problems(404, 409),
    summary="Join a workspace by invitation, as a new user or an existing one",
    openapi_extra={"security": [{}, {"bearer": []}]},
)
async def accept_invitation(body: Acceptance, request: Request, gateway: GatewayDep) -> Response:
    """Return the tokens of a session in the workspace.

    A new user gives name and password; an existing one sends the own access token or gives the password.
    """
    token_hash = gateway.opaque_tokens.hash(body.token, "invitation")
    device = gateway.device_hash(request)
    async with gateway.pool.acquire() as connection:
        invitation = await team.find_invitation(connection, token_hash)
    if invitation is None:
        raise InvalidFieldsError("The invitation is not valid any more.", code="invitation_invalid")
    user = await users.find_by_email(gateway.pool, invitation.email, device)
    password_hash = None
    if user is None:
        password_hash = await _new_password_hash(gateway, body, invitation)
    elif not await _is_caller(request, user):
        if body.password is None:
            raise UnauthorizedError("Log in as the invited user, or send the password.", code="login_required")
        user = await check_credentials(gateway, request, invitation.email, body.password)
    async with gateway.transaction() as connection:
        if not await team.accept(connection, invitation.invitation_id):
            raise InvalidFieldsError("The invitation is not valid any more.", code="invitation_invalid")
        if password_hash is not None:
            user = await users.insert(
                connection,
                email=invitation.email,
                full_name=body.full_name or "",
                password_hash=password_hash,
                platform_admin=False,
                demo=False,
            )
        if user is None:
            raise ConflictError("An account with this mail address exists.", code="email_taken")
        await workspaces.add_member(connection, invitation.workspace_id, user.user_id, invitation.role)
        workspace = await workspaces.find(connection, invitation.workspace_id, user.user_id)
        if workspace is None:
            raise NotFoundError
        answer = await open_session(gateway, connection, request, user, workspace, action="accept_invitation")
    # Verdicts that refused the user in this workspace may be kept.
    await gateway.access_withdrawn()
    return success(request, answer.model_dump())


@router.put(
    "/members/{member_id}/role",
    dependencies=_admin,
    response_model=Enveloped[RoleChanged],
    responses=problems(404, 409),
    summary="Give a member another role",
)
async def change_role(
    member_id: MemberId, body: RoleChange, request: Request, caller: Caller, gateway: GatewayDep
) -> Response:
    """Give a member another role, none above the caller's own; API keys that go beyond it are revoked."""
    workspace_id, user_id = uuid.UUID(caller.workspace_id), parse_id(member_id)
    async with gateway.transaction() as connection:
        current = await _changeable_role(connection, workspace_id, user_id, caller, body.role)
        await team.set_role(connection, workspace_id, user_id, body.role)
        revoked = await api_keys.revoke_beyond(connection, workspace_id, user_id, scopes_within(body.role))
        details = {"from": current, "to": body.role, "revoked_api_keys": revoked}
        event = AuditEvent("change_role", workspace_id, "user", str(user_id), details=details)
        await audit.append(connection, gateway.actor(request), event)
    await gateway.access_withdrawn()
    return success(request, {"id": str(user_id), "role": body.role, "revoked_api_keys": revoked})


@router.delete(
    "/members/{member_id}",
    dependencies=_admin,
    response_model=Enveloped[MemberRemoved],
    responses=problems(404, 409),
    summary="Take a member out of the workspace; their API keys end with it",
)
async def remove_member(member_id: MemberId, request: Request, caller: Caller, gateway: GatewayDep) -> Response:
    """Take a member out of the workspace; the last owner stays."""
    workspace_id, user_id = uuid.UUID(caller.workspace_id), parse_id(member_id)
    async with gateway.transaction() as connection:
        current = await _changeable_role(connection, workspace_id, user_id, caller, None)
        await team.remove(connection, workspace_id, user_id)
        revoked = await api_keys.revoke_beyond(connection, workspace_id, user_id, scopes_within(None))
        details = {"role": current, "revoked_api_keys": revoked}
        event = AuditEvent("remove_member", workspace_id, "user", str(user_id), details=details)
        await audit.append(connection, gateway.actor(request), event)
    await gateway.access_withdrawn()
    return success(request, {"id": str(user_id), "revoked_api_keys": revoked})


async def _changeable_role(
    connection: Connection, workspace_id: uuid.UUID, user_id: uuid.UUID, caller: AuthContext, wanted: str | None
) -> str:
    current = await team.lock_role(connection, workspace_id, user_id)
    if current is None:
        raise NotFoundError
    owners = await team.count_owners(connection, workspace_id)
    problem = change_problem(_role_of(caller), current, wanted, owners=owners)
    if problem is not None:
        last_owner = current == "owner" and rank(_role_of(caller)) >= rank("owner")
        raise ConflictError(problem, code="last_owner") if last_owner else ForbiddenError(problem)
    return current


async def _new_password_hash(gateway: Gateway, body: Acceptance, invitation: Invitation) -> str:
    missing = [
        FieldProblem(name, "required for a new account")
        for name, value in (("full_name", body.full_name), ("password", body.password))
        if value is None
    ]
    if missing or body.password is None or body.full_name is None:
        raise InvalidFieldsError("Some fields are not valid.", details=missing)
    check_new_password("password", body.password, invitation.email, body.full_name, invitation.workspace_name)
    return await gateway.passwords.hash(body.password)


async def _is_caller(request: Request, user: User) -> bool:
    """Return whether the request carries an access token of this user."""
    if read_credential(request.headers) is None:
        return False
    return (await authenticate(request)).user_id == str(user.user_id)


def _role_of(caller: AuthContext) -> str:
    return caller.role or "admin"
