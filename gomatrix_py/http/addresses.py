"""Which addresses may be connected to, where a service lets strangers name hosts."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import attrs

from ..errors import AddressRefused, UsageError

__all__ = ["AddressBlock"]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _networks(given: Sequence[str]) -> tuple[_Network, ...]:
    try:
        return tuple(ipaddress.ip_network(one) for one in given)
    except ValueError as error:
        raise UsageError(f"reachable networks look like 10.1.2.0/24: {error}") from None


@attrs.frozen
class AddressBlock:
    """Lets connections go to the public internet only.

    Args:
        reachable: networks that may be reached all the same, such as ``10.1.2.0/24`` or ``127.0.0.1/32``.

    Raises:
        UsageError: one of them is no network.
    """

    reachable: tuple[_Network, ...] = attrs.field(default=(), converter=_networks)

    def refuses(self, address: str) -> bool:
        """Tell whether an IP address must not be connected to; what is none must not be either."""
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return True
        meant = _meant(found)
        if any(
            one in network for network in self.reachable for one in (found, meant) if one.version == network.version
        ):
            return False
        return not _is_public(meant)

    def check(self, host: str, address: str) -> None:
        """Refuse an address that a connection goes to.

        Raises:
            AddressRefused: it is not of the public internet.
        """
        if self.refuses(address):
            raise AddressRefused(
                f"{host} is at {address}, which is no address of the public internet: if it may be reached,"
                " name its network in RequestsTransport(reachable=…)"
            )


def _meant(address: _Address) -> _Address:
    """Return the IPv4 address that an IPv6 address stands for, where it stands for one."""
    if not isinstance(address, ipaddress.IPv6Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_public(address: _Address) -> bool:
    is_special = address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback
    return address.is_global and not is_special and not getattr(address, "is_site_local", False)
