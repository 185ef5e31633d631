"""Registration, log-in, sessions and the own account."""

import hmac
import uuid
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from gateway.app.dependencies import Gateway, GatewayDep, UserCaller, limited_by_address
from gateway.app.models.auth import (
    Login,
    Logout,
    MeAnswer,
    Notice,
    PasswordChange,
    PasswordForgotten,
    PasswordReset,
    ProfileChange,
    Refresh,
    Registration,
    SessionsEnded,
    Switch,
    TokenAnswer,
    UserView,
    WorkspaceView,
)
from gateway.app.queries import audit, sessions, users, workspaces
from gateway.app.queries.audit import AuditEvent
from gateway.app.queries.users import User
from gateway.app.queries.workspaces import Workspace
from gateway.app.routes.issuing import (
    check_credentials,
    check_new_password,
    open_session,
    token_answer,
    workspace_to_enter,
)
from gateway.app.tokens import REUSE_GRACE_SECONDS
from shared.auth.context import AuthContext
from shared.auth.permissions import Permission
from shared.errors import (
    ConflictError,
    FieldProblem,
    ForbiddenError,
    InvalidFieldsError,
    NotFoundError,
    UnauthorizedError,
)
from shared.http.guard import GuardedRoute, public, require
from shared.http.schema import problems
from shared.logging import get_logger

logger = get_logger(__name__)

router = APIRouter(
    prefix="/api/v1/auth", tags=["auth"], route_class=GuardedRoute, responses=problems(400, 413, 415, 422, 429, 503)
)

_anybody = [Depends(public()), limited_by_address]
_account = [Depends(require(Permission.ACCOUNT))]


@router.post(
    "/register",
    status_code=201,
    dependencies=_anybody,
    responses=problems(403, 409),
    summary="Create an account and its workspace",
)
async def register(body: Registration, request: Request, gateway: GatewayDep) -> TokenAnswer:
    """Return the tokens of a first session; the first account of an installation also administers the platform.

    Passwords have 8 characters to 72 bytes, and the most common ones are refused. Where registration is closed, people
    join by invitation.
    """
    check_new_password("password", body.password, body.email, body.full_name, body.workspace_name)
    is_demo = gateway.settings.demo_email is not None and body.email == gateway.settings.demo_email.lower()
    await _check_may_register(gateway, body, is_demo=is_demo)
    password_hash = await gateway.passwords.hash(body.password)
    async with gateway.transaction() as connection:
        is_first = not is_demo and await users.lock_first_user(connection)
        user = await users.insert(
            connection,
            email=body.email,
            full_name=body.full_name,
            password_hash=password_hash,
            platform_admin=is_first,
            demo=is_demo,
        )
        if user is None:
            raise ConflictError("An account with this mail address exists.", code="email_taken")
        workspace = await workspaces.create(
            connection, user.user_id, body.workspace_name, retention_days=gateway.settings.retention_days
        )
        assert workspace is not None
        return await open_session(gateway, connection, request, user, workspace, action="register")


async def _check_may_register(gateway: Gateway, body: Registration, *, is_demo: bool) -> None:
    settings = gateway.settings
    if settings.registration == "open" and settings.setup_token is None:
        return
    has_real_user = await users.has_real_user(gateway.pool)
    if settings.registration == "closed" and has_real_user:
        raise ForbiddenError("Registration is closed; ask for an invitation.", code="registration_closed")
    if settings.setup_token is not None and not has_real_user and not is_demo:
        expected = settings.setup_token.get_secret_value()
        if not hmac.compare_digest((body.setup_token or "").encode(), expected.encode()):
            raise ForbiddenError("The first registration needs the set-up token.", code="setup_token_required")


@router.post("/login", dependencies=_anybody, responses=problems(401, 403), summary="Log in")
async def login(body: Login, request: Request, gateway: GatewayDep) -> TokenAnswer:
    """Return the tokens of a new session in the workspace the user worked in last.

    Unknown addresses cannot be told from wrong passwords; after too many wrong ones, logging in has to wait.
    """
    user = await check_credentials(gateway, request, body.email, body.password)
    async with gateway.transaction() as connection:
        workspace = await workspace_to_enter(gateway, connection, user)
        return await open_session(gateway, connection, request, user, workspace, action="login")


@router.post(
    "/refresh", dependencies=_anybody, responses=problems(401, 403), summary="Exchange a refresh token for new tokens"
)
async def refresh(body: Refresh, request: Request, gateway: GatewayDep) -> TokenAnswer:
    """Return a new pair of tokens; the refresh token is used up, and one that comes a second time ends the session."""
    answer: TokenAnswer | None = None
    token_hash = gateway.opaque_tokens.hash(body.refresh_token, "refresh")
    async with gateway.transaction() as connection:
        stored = await sessions.lock_refresh(connection, token_hash)
        if stored is None:
            raise UnauthorizedError("The refresh token is not valid.", code="refresh_token_invalid")
        is_reused = stored.consumed_seconds_ago is not None and stored.consumed_seconds_ago > REUSE_GRACE_SECONDS
        if is_reused:
            await sessions.revoke(connection, stored.session_id, "refresh token used again")
            event = AuditEvent(
                "refresh_token_reused", stored.workspace_id, "session", str(stored.session_id), succeeded=False
            )
            await audit.append(connection, gateway.actor(request, stored.user_id), event)
        elif stored.usable:
            answer = await _refresh(gateway, connection, stored, body.refresh_token, token_hash)
    if is_reused:
        logger.warning("refresh_token_reused", session_id=str(stored.session_id), user_id=str(stored.user_id))
        await gateway.access_withdrawn()
    if answer is None:
        raise UnauthorizedError("The refresh token is not valid.", code="refresh_token_invalid")
    return answer


async def _refresh(
    gateway: Gateway, connection: Any, stored: sessions.RefreshToken, token: str, token_hash: bytes
) -> TokenAnswer:
    user = await users.find(connection, stored.user_id)
    assert user is not None
    if stored.successor_sealed is not None:
        successor = gateway.opaque_tokens.open_successor(stored.successor_sealed, token)
    else:
        successor = gateway.opaque_tokens.make()
        sealed = gateway.opaque_tokens.seal_successor(successor, token)
        await sessions.consume_refresh(connection, token_hash, sealed)
        successor_hash = gateway.opaque_tokens.hash(successor, "refresh")
        await sessions.insert_refresh(
            connection, stored.session_id, successor_hash, gateway.settings.refresh_token_days
        )
    workspace = await workspace_to_enter(gateway, connection, user, stored.workspace_id)
    return token_answer(gateway, user, workspace, stored.session_id, successor)


@router.post("/logout", status_code=204, dependencies=_account, summary="End the session, or all of the user")
async def logout(request: Request, caller: UserCaller, gateway: GatewayDep, body: Logout | None = None) -> Response:
    """Refuse the tokens of the session from now on."""
    session_id = _session_id(caller)
    async with gateway.transaction() as connection:
        await sessions.revoke(connection, session_id, "logout")
        if body is not None and body.everywhere:
            await sessions.revoke_all(connection, uuid.UUID(caller.subject_id), "logout")
        event = AuditEvent("logout", uuid.UUID(caller.workspace_id), "session", str(session_id))
        await audit.append(connection, gateway.actor(request), event)
    await gateway.access_withdrawn()
    return Response(status_code=204)


@router.post("/switch", dependencies=_account, responses=problems(404), summary="Go on in another workspace")
async def switch(body: Switch, request: Request, caller: UserCaller, gateway: GatewayDep) -> TokenAnswer:
    """Return tokens for another workspace that the user belongs to."""
    session_id, user_id = _session_id(caller), uuid.UUID(caller.subject_id)
    async with gateway.transaction() as connection:
        user = await users.find(connection, user_id)
        workspace = await workspaces.find(connection, body.workspace_id, user_id)
        if user is None or workspace is None or workspace.role is None:
            raise NotFoundError
        await sessions.set_workspace(connection, session_id, user_id, workspace.workspace_id)
        refresh_token = gateway.opaque_tokens.make()
        token_hash = gateway.opaque_tokens.hash(refresh_token, "refresh")
        await sessions.insert_refresh(connection, session_id, token_hash, gateway.settings.refresh_token_days)
        event = AuditEvent("switch_workspace", workspace.workspace_id, "session", str(session_id))
        await audit.append(connection, gateway.actor(request), event)
        return token_answer(gateway, user, workspace, session_id, refresh_token)


@router.post("/change-password", dependencies=_account, summary="Change the password; other sessions end")
async def change_password(
    body: PasswordChange, request: Request, caller: UserCaller, gateway: GatewayDep
) -> SessionsEnded:
    """Set a new password; the caller's session goes on, all others of the user end."""
    user = await _proven_user(gateway, request, caller, body.current_password, "current_password")
    check_new_password("new_password", body.new_password, user.email, user.full_name)
    password_hash = await gateway.passwords.hash(body.new_password)
    async with gateway.transaction() as connection:
        await users.set_password(connection, user.user_id, password_hash)
        ended = await sessions.revoke_all(connection, user.user_id, "password changed", keep=_session_id(caller))
        event = AuditEvent("change_password", uuid.UUID(caller.workspace_id), "user", str(user.user_id))
        await audit.append(connection, gateway.actor(request), event)
    await gateway.access_withdrawn()
    return SessionsEnded(sessions_ended=ended)


@router.post("/forgot-password", status_code=202, dependencies=_anybody, summary="Ask for a link to a new password")
async def forgot_password(body: PasswordForgotten, request: Request, gateway: GatewayDep) -> Notice:
    """Send a link for a new password, by mail where mail is set up, else to the log; the answer is always the same."""
    # Done beside the request: its answer takes as long for unknown addresses.
    gateway.spawn(_send_reset(gateway, request, body.email))
    return Notice(message="If the address belongs to an account, a link is on its way.")


async def _send_reset(gateway: Gateway, request: Request, email: str) -> None:
    user = await users.find_by_email(gateway.pool, email, gateway.device_hash(request))
    if user is None or not user.is_active:
        return
    token = gateway.opaque_tokens.make()
    async with gateway.transaction() as connection:
        await users.insert_reset(connection, user.user_id, gateway.opaque_tokens.hash(token, "reset"))
        event = AuditEvent("forgot_password", target_type="user", target_id=str(user.user_id))
        await audit.append(connection, gateway.actor(request), event)
    gateway.mailer.send_reset(user.email, token)


@router.post("/reset-password", dependencies=_anybody, summary="Set a new password with a link; all sessions end")
async def reset_password(body: PasswordReset, request: Request, gateway: GatewayDep) -> Notice:
    """Set a new password with the token of a link, which is good for one use; all sessions of the user end."""
    token_hash = gateway.opaque_tokens.hash(body.token, "reset")
    async with gateway.transaction() as connection:
        user_id = await users.take_reset(connection, token_hash)
        user = await users.find(connection, user_id) if user_id is not None else None
        if user is None:
            raise InvalidFieldsError("The link is not valid any more.", code="reset_token_invalid")
        # A refused password rolls back, so the link is still good for a better one.
        check_new_password("new_password", body.new_password, user.email, user.full_name)
        await users.set_password(connection, user.user_id, await gateway.passwords.hash(body.new_password))
        await sessions.revoke_all(connection, user.user_id, "password reset")
        event = AuditEvent("reset_password", target_type="user", target_id=str(user.user_id))
        await audit.append(connection, gateway.actor(request, user.user_id), event)
    await gateway.access_withdrawn()
    await gateway.attempts.forget(user.email)
    return Notice(message="The password is changed; log in with it.")


@router.get("/me", dependencies=_account, summary="The own account")
async def me(caller: UserCaller, gateway: GatewayDep) -> MeAnswer:
    """Return the user, the workspace of the access token, and what the user may do there."""
    user_id, workspace_id = uuid.UUID(caller.subject_id), uuid.UUID(caller.workspace_id)
    async with gateway.pool.acquire() as connection:
        user = await users.find(connection, user_id)
        workspace = await workspaces.find(connection, workspace_id, user_id)
    if user is None or workspace is None:
        raise UnauthorizedError
    return _me_answer(caller, user, workspace)


@router.put("/me", dependencies=_account, responses=problems(409), summary="Change name or mail address")
async def update_me(body: ProfileChange, request: Request, caller: UserCaller, gateway: GatewayDep) -> MeAnswer:
    """Change the name, or with the password the mail address; other fields stay."""
    user_id, workspace_id = uuid.UUID(caller.subject_id), uuid.UUID(caller.workspace_id)
    async with gateway.pool.acquire() as connection:
        user = await users.find(connection, user_id)
    if user is None:
        raise UnauthorizedError
    email = body.email or user.email
    if email != user.email:
        await _proven_user(gateway, request, caller, body.password or "", "password")
    async with gateway.transaction() as connection:
        changed = await users.update_profile(connection, user_id, body.full_name or user.full_name, email)
        if changed is None:
            raise ConflictError("An account with this mail address exists.", code="email_taken")
        fields = [name for name, value in (("full_name", body.full_name), ("email", body.email)) if value]
        event = AuditEvent("update_account", workspace_id, "user", str(user_id), details={"fields": fields})
        await audit.append(connection, gateway.actor(request), event)
        workspace = await workspaces.find(connection, workspace_id, user_id)
        assert workspace is not None
    return _me_answer(caller, changed, workspace)


async def _proven_user(gateway: Gateway, request: Request, caller: AuthContext, password: str, field: str) -> User:
    """Return the caller once they repeated their password."""
    async with gateway.pool.acquire() as connection:
        user = await users.find(connection, uuid.UUID(caller.subject_id))
    if user is None:
        raise UnauthorizedError
    attempt = await gateway.attempts.begin(
        user.email, gateway.addresses.bucket(request), known_device=_session_id(caller).bytes
    )
    if not await gateway.passwords.verify(password, user.password_hash):
        raise InvalidFieldsError(
            "The password is wrong.", code="wrong_password", details=[FieldProblem(field, "wrong password")]
        )
    await gateway.attempts.succeeded(attempt)
    return user


def _session_id(caller: AuthContext) -> uuid.UUID:
    assert caller.session_id is not None
    return uuid.UUID(caller.session_id)


def _me_answer(caller: AuthContext, user: User, workspace: Workspace) -> MeAnswer:
    return MeAnswer(
        **UserView.of(user).model_dump(),
        role=caller.role,
        permissions=sorted(caller.permissions),
        workspace=WorkspaceView.of(workspace),
    )
