"""Sessions: how they begin, and the tokens that a client gets."""

import uuid

from fastapi import Request

from gateway.app.dependencies import Gateway, user_agent
from gateway.app.models.auth import TokenAnswer, UserView, WorkspaceView
from gateway.app.passwords import password_problem
from gateway.app.queries import audit, sessions, users, workspaces
from gateway.app.queries.audit import AuditEvent
from gateway.app.queries.users import User
from gateway.app.queries.workspaces import Workspace
from shared.database import Connection
from shared.errors import FieldProblem, ForbiddenError, InvalidFieldsError, UnauthorizedError

WRONG_CREDENTIALS = "Mail address or password is wrong."


def check_new_password(field: str, password: str, *context: str) -> None:
    """Refuse a password that is too short, too long or easy to guess.

    Raises:
        InvalidFieldsError: Says why.
    """
    problem = password_problem(password, context)
    if problem is not None:
        raise InvalidFieldsError("The password is not accepted.", details=[FieldProblem(field, problem)])


async def check_credentials(gateway: Gateway, request: Request, email: str, password: str) -> User:
    """Return the active user with these credentials; every way to log in with a password passes here.

    Raises:
        UnauthorizedError: They are wrong; unknown users cannot be told from wrong passwords.
        RateLimitedError: Too many were wrong before.
    """
    device = gateway.device_hash(request)
    user = await users.find_by_email(gateway.pool, email, device)
    known_device = device if user is not None and user.known_device else None
    address = gateway.addresses.bucket(request)
    attempt = await gateway.attempts.begin(email, address, known_device=known_device)
    matches = await gateway.passwords.verify(password, user.password_hash if user else None)
    if user is None or not matches or not user.is_active:
        async with gateway.transaction() as connection:
            target = str(user.user_id) if user else None
            event = AuditEvent("login", target_type="user", target_id=target, succeeded=False)
            await audit.append(connection, gateway.actor(request), event)
        raise UnauthorizedError(WRONG_CREDENTIALS, code="invalid_credentials")
    await gateway.attempts.succeeded(attempt)
    return user


async def open_session(
    gateway: Gateway, connection: Connection, request: Request, user: User, workspace: Workspace, *, action: str
) -> TokenAnswer:
    """Return the tokens of a new session; run it in the transaction that let the user in."""
    session_id = await sessions.insert(
        connection,
        user_id=user.user_id,
        workspace_id=workspace.workspace_id,
        days=gateway.settings.session_days,
        user_agent=user_agent(request),
        device_hash=gateway.device_hash(request),
    )
    refresh_token = gateway.opaque_tokens.make()
    await sessions.insert_refresh(
        connection,
        session_id,
        gateway.opaque_tokens.hash(refresh_token, "refresh"),
        gateway.settings.refresh_token_days,
    )
    await audit.append(
        connection,
        gateway.actor(request, user.user_id),
        AuditEvent(action, workspace.workspace_id, "session", str(session_id)),
    )
    return token_answer(gateway, user, workspace, session_id, refresh_token)


def token_answer(
    gateway: Gateway, user: User, workspace: Workspace, session_id: uuid.UUID, refresh_token: str
) -> TokenAnswer:
    """Return a session's tokens as a client gets them."""
    access_token = gateway.access_tokens.issue(user.user_id, session_id, workspace.workspace_id)
    return TokenAnswer(
        access_token=access_token,
        refresh_token=refresh_token,
        expires_in=gateway.access_tokens.lifetime_seconds,
        user=UserView.of(user),
        workspace=WorkspaceView.of(workspace),
    )


async def workspace_to_enter(
    gateway: Gateway, connection: Connection, user: User, wanted: uuid.UUID | None = None
) -> Workspace:
    """Return the workspace that a user works in; one who has lost the last gets a new one where anybody may register.

    Raises:
        ForbiddenError: The user belongs to no workspace and registration is closed.
    """
    workspace = await workspaces.find_preferred(connection, user.user_id, wanted)
    if workspace is None and gateway.settings.registration == "open":
        workspace = await workspaces.create(
            connection, user.user_id, f"{user.full_name}'s workspace", retention_days=gateway.settings.retention_days
        )
    if workspace is None:
        raise ForbiddenError("You belong to no workspace; ask for an invitation.", code="no_workspace")
    return workspace
