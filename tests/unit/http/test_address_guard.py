"""Where connections may go, judged at the moment of connecting: literals, DNS answers, odd spellings."""

import socket

import pytest
from aiohttp.abc import ResolveResult
from aiohttp.resolver import ThreadedResolver
from support.raw_http import deaf_port, head, listening_on, say

from xharchive.errors import ConnectionFailed, NotAllowed
from xharchive.host_allowlist import AllowedHost, AllowList, HostOverride, parse_allowed
from xharchive.http import TransportOptions, connect
from xharchive.http.sessions import REFUSED_MARK, AddressGuard

HOST = "sns-img-bd.xhscdn.com"
OK = head(200, length=2) + b"ok"


def answer(address: str, port: int) -> ResolveResult:
    """One DNS answer."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(hostname=HOST, host=address, port=port, family=family, proto=0, flags=0)


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[ResolveResult]]:
    """What DNS says, by host; no other name exists."""
    known: dict[str, list[ResolveResult]] = {}

    async def resolve(_self: object, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        if host not in known:
            raise OSError(socket.EAI_NONAME, "Name or service not known")
        return known[host]

    monkeypatch.setattr(ThreadedResolver, "resolve", resolve)
    return known


@pytest.mark.parametrize("names", [1, 3])
async def test_a_cdn_name_that_leads_to_this_machine_is_refused_without_a_packet(
    dns: dict[str, list[ResolveResult]], names: int
) -> None:
    """DNS rebinding: the name is on the allow-list, its address is not public, nobody is connected to."""
    async with listening_on(say(OK)) as wire:
        dns[HOST] = [answer("127.0.0.1", wire.port)] * names
        async with connect(TransportOptions()) as transport:
            with pytest.raises(NotAllowed, match="not public"):
                async with transport.open(f"https://{HOST}/a", {}):
                    pass
    assert wire.connections == 0


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "169.254.169.254", "::1", "fe80::1", "::ffff:192.168.1.1", "64:ff9b::7f00:1"]
)
async def test_private_addresses_are_refused_however_they_are_wrapped(
    dns: dict[str, list[ResolveResult]], address: str
) -> None:
    """Private, link-local, mapped, NAT64: all refused before a socket exists."""
    dns[HOST] = [answer(address, 443)]
    async with connect(TransportOptions(connect=0.5)) as transport:
        with pytest.raises(NotAllowed, match="not public"):
            async with transport.open(f"https://{HOST}/a", {}):
                pass


async def test_a_name_that_does_not_exist_is_a_connection_that_failed(
    dns: dict[str, list[ResolveResult]],
) -> None:
    """The next host may exist; the sentence says which name does not."""
    async with connect(TransportOptions()) as transport:
        with pytest.raises(ConnectionFailed, match=f"{HOST}: the name cannot be resolved") as failed:
            async with transport.open(f"https://{HOST}/a", {}):
                pass
    assert not failed.value.sent


async def test_a_refused_port_is_a_connection_that_failed() -> None:
    """Nobody listens: not sent, and the reason is told without a URL."""
    with deaf_port() as port:
        borders = AllowList(overrides=(HostOverride("*", "127.0.0.1", port),))
        async with connect(TransportOptions(borders=borders)) as transport:
            with pytest.raises(ConnectionFailed, match=f"{HOST}: no connection") as failed:
                async with transport.open(f"https://{HOST}/a?sign=1", {}):
                    pass
    assert not failed.value.sent
    assert "sign" not in str(failed.value)


async def test_only_the_named_port_of_a_local_host_is_open(dns: dict[str, list[ResolveResult]]) -> None:
    """`--allow-host media.test:PORT` does not open the same address for another name."""
    async with listening_on(say(OK)) as wire:
        dns["media.test"] = [answer("127.0.0.1", wire.port)]
        dns[HOST] = [answer("127.0.0.1", wire.port + 1)]
        borders = AllowList(parse_allowed([f"media.test:{wire.port}"]))
        async with connect(TransportOptions(borders=borders)) as transport:
            async with transport.open(f"http://media.test:{wire.port}/a", {}) as incoming:
                assert incoming.status == 200
            with pytest.raises(NotAllowed):
                async with transport.open(f"https://{HOST}/a", {}):
                    pass
    assert wire.connections == 1


def sockets(guard: AddressGuard, address: str, port: int) -> bool:
    """Whether the guard makes a socket for a place."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    place = (family, socket.SOCK_STREAM, 6, "", (address, port))
    try:
        guard.make_socket(place).close()
    except OSError as problem:
        return REFUSED_MARK not in str(problem)
    return True


@pytest.mark.parametrize(
    ("address", "port", "opens"),
    [
        ("93.184.215.14", 443, True),
        ("93.184.215.14", 80, True),
        ("93.184.215.14", 8080, False),
        ("127.0.0.1", 443, False),
        ("127.0.0.1", 9000, True),
        ("127.0.0.1", 9001, False),
        ("10.1.2.3", 8443, True),
        ("10.1.2.3", 443, False),
        ("0.0.0.0", 443, False),  # noqa: S104 - nobody binds to it
        ("224.0.0.1", 443, False),
        ("nonsense", 443, False),
    ],
)
async def test_the_guard_knows_every_place(address: str, port: int, opens: bool) -> None:
    """Public ones on the web's ports, and exactly those that the user named."""
    borders = AllowList(
        frozenset({AllowedHost("10.1.2.3", 8443), AllowedHost("mirror.example")}),
        (HostOverride("*", "127.0.0.1", 9000),),
    )
    assert sockets(AddressGuard(borders), address, port) is opens


async def test_an_override_is_asked_before_dns(dns: dict[str, list[ResolveResult]]) -> None:
    """Names that the user placed are never looked up; an exact one beats the star; v6 is v6."""
    borders = AllowList(overrides=(HostOverride("*", "127.0.0.1", 1), HostOverride(HOST, "::1", 2)))
    resolver = AddressGuard(borders)
    (exact,) = await resolver.resolve(HOST, 443)
    (other,) = await resolver.resolve("anything.example", 443)
    await resolver.close()
    assert (exact["host"], exact["port"], exact["family"]) == ("::1", 2, socket.AF_INET6)
    assert (other["host"], other["port"], other["family"]) == ("127.0.0.1", 1, socket.AF_INET)
