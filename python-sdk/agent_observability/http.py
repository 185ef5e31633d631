"""Requests to the platform over one kept connection, with nothing but the standard library."""

import http.client
import json
import ssl
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from agent_observability.version import USER_AGENT

_MAX_ANSWER = 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """Status, headers (names in lower case) and body of an answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_ok(self) -> bool:
        """Whether the request was taken."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return the body as JSON, None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def reason(self) -> str:
        """The code of an error, or ``http_`` and the status."""
        content = self.json()
        error = content.get("error") if isinstance(content, dict) else None
        code = error.get("code") if isinstance(error, dict) else None
        return code[:64] if isinstance(code, str) and code else f"http_{self.status}"

    @property
    def retry_after(self) -> float:
        """Seconds that ``Retry-After`` asks to wait, 0 without one."""
        stated = self.headers.get("retry-after", "")
        try:
            return max(0.0, float(stated))
        except ValueError:
            pass
        try:
            date = self.headers.get("date")
            until = parsedate_to_datetime(stated)
            return max(0.0, (until - parsedate_to_datetime(date)).total_seconds()) if date else 0.0
        except (ValueError, TypeError):
            return 0.0


class Connection:
    """A connection to the platform, made when it is needed and made again when it is lost; for one thread."""

    def __init__(self, endpoint: str, api_key: str, *, timeout: float = 10.0) -> None:
        """Describe the platform.

        Args:
            endpoint: Its address.
            api_key: Key that is sent with each request.
            timeout: Longest wait for the network, seconds.
        """
        parts = urllib.parse.urlsplit(endpoint)
        self._is_secure = parts.scheme == "https"
        self._host = parts.hostname or "localhost"
        self._port = parts.port or (443 if self._is_secure else 80)
        self._prefix = parts.path.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}", "User-Agent": USER_AGENT}
        self.timeout = timeout
        self._connection: http.client.HTTPConnection | None = None

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request and return the answer.

        A connection that the server has closed meanwhile is made anew once; every request here may be repeated.

        Raises:
            OSError, http.client.HTTPException: There is no answer.
        """
        for is_last in (self._connection is None, True):
            try:
                return self._request(method, path, body, headers or {})
            except (ConnectionError, http.client.BadStatusLine, http.client.CannotSendRequest):
                self.close()
                if is_last:
                    raise
            except (OSError, http.client.HTTPException):
                self.close()
                raise
        raise AssertionError("unreachable")

    def _request(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        connection = self._connection
        if connection is None:
            connection = self._connection = self._connect()
        if connection.sock is not None:
            connection.sock.settimeout(self.timeout)
        connection.request(method, self._target(path), body=body, headers={**self._headers, **headers})
        response = connection.getresponse()
        content = response.read(_MAX_ANSWER)
        if not response.isclosed() or response.will_close:
            self.close()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, content)

    def _connect(self) -> http.client.HTTPConnection:
        proxy = self._proxy()
        host, port = (proxy.hostname or self._host, proxy.port or 8080) if proxy else (self._host, self._port)
        self._via_proxy = proxy is not None and not self._is_secure
        if self._is_secure:
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=self.timeout, context=ssl.create_default_context()
            )
            if proxy:
                connection.set_tunnel(self._host, self._port)
            return connection
        return http.client.HTTPConnection(host, port, timeout=self.timeout)

    _via_proxy = False

    def _target(self, path: str) -> str:
        target = self._prefix + path
        return f"http://{self._host}:{self._port}{target}" if self._via_proxy else target

    def _proxy(self) -> urllib.parse.SplitResult | None:
        if urllib.request.proxy_bypass(f"{self._host}:{self._port}") or self._host in ("localhost", "127.0.0.1", "::1"):
            return None
        address = urllib.request.getproxies().get("https" if self._is_secure else "http")
        return urllib.parse.urlsplit(address) if address else None

    def close(self) -> None:
        """Close the connection; the next request makes another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
