"""Mails with links; without a mail server the links appear in the log, which is how a small installation works."""

import asyncio
import smtplib
import ssl
from email.message import EmailMessage

from gateway.app.config import Settings
from shared.logging import get_logger
from shared.telemetry import FAILURES

_TIMEOUT_SECONDS = 15

logger = get_logger(__name__)


class Mailer:
    """Sends links; they are built from the configured address of the dashboard and from nothing in a request."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tasks: set[asyncio.Task[None]] = set()

    def reset_link(self, token: str) -> str:
        """Return the address at which a password is set anew."""
        return f"{self._settings.public_dashboard_url}/reset-password?token={token}"

    def invitation_link(self, token: str) -> str:
        """Return the address at which an invitation is accepted."""
        return f"{self._settings.public_dashboard_url}/accept-invitation?token={token}"

    def send_reset(self, email: str, token: str) -> None:
        """Send the link that resets a password, or log it when there is no mail server."""
        link = self.reset_link(token)
        if self._settings.smtp_host is None:
            logger.warning("password_reset_link", link=link)
            return
        text = f"Somebody asked to reset your password. The link works once, for an hour:\n\n{link}\n"
        self._send(email, "Reset your password", text)

    def send_invitation(self, email: str, workspace: str, token: str) -> None:
        """Send an invitation; the inviting user has the link as well, so it is not logged."""
        if self._settings.smtp_host is None:
            return
        text = f"You are invited to the workspace {workspace}:\n\n{self.invitation_link(token)}\n"
        self._send(email, f"Invitation to {workspace}", text)

    def _send(self, email: str, subject: str, text: str) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(email, subject, text))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, email: str, subject: str, text: str) -> None:
        message = EmailMessage()
        message["From"] = self._settings.smtp_from
        message["To"] = email
        message["Subject"] = " ".join(subject.split())
        message.set_content(text)
        try:
            await asyncio.to_thread(self._post, message)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            FAILURES.labels("gateway", "mail", type(error).__name__).inc()
            logger.warning("mail_not_sent", subject=subject, error=type(error).__name__)

    def _post(self, message: EmailMessage) -> None:
        settings = self._settings
        assert settings.smtp_host is not None
        context = ssl.create_default_context()
        server: smtplib.SMTP
        if settings.smtp_security == "tls":
            server = smtplib.SMTP_SSL(settings.smtp_host, settings.smtp_port, timeout=_TIMEOUT_SECONDS, context=context)
        else:
            server = smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=_TIMEOUT_SECONDS)
        with server:
            if settings.smtp_security == "starttls":
                server.starttls(context=context)
            if settings.smtp_user and settings.smtp_password:
                server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
            server.send_message(message)

    async def close(self) -> None:
        """Wait for mails under way."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_TIMEOUT_SECONDS)
