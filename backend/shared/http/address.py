"""The address of a client behind proxies that are trusted by configuration."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from starlette.requests import HTTPConnection

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ClientAddress:
    """Finds the client's address; headers count only when the peer is a trusted proxy."""

    def __init__(self, trusted_proxies: Sequence[str]) -> None:
        self._trusted: list[Network] = [ipaddress.ip_network(item, strict=False) for item in trusted_proxies]

    def of(self, connection: HTTPConnection) -> str:
        """Return the address, from the right of ``X-Forwarded-For`` past the trusted proxies."""
        # The zone of a link-local address names an interface of this machine, not the client.
        peer = connection.client.host.partition("%")[0] if connection.client else "127.0.0.1"
        if not self._trusted or not self._is_trusted(peer):
            return peer
        forwarded = ",".join(connection.headers.getlist("x-forwarded-for"))
        for hop in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
            if _parse(hop) is None:
                return peer
            if not self._is_trusted(hop):
                return hop
        return peer

    def bucket(self, connection: HTTPConnection) -> str:
        """Return the address as limits count it: IPv6 by /64, since one client owns such a network."""
        address = _parse(self.of(connection))
        if isinstance(address, ipaddress.IPv6Address):
            mapped = address.ipv4_mapped
            return str(mapped) if mapped else str(ipaddress.ip_network((address, 64), strict=False).network_address)
        return str(address)

    def _is_trusted(self, text: str) -> bool:
        address = _parse(text)
        return address is not None and any(
            address in network for network in self._trusted if network.version == address.version
        )


@lru_cache(maxsize=4096)
def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
