"""Whose word counts on where a request comes from: chains of proxies, spoofed headers, IPv6, garbage."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from dashboard import environment, proxies
from dashboard.live.origins import is_own_origin

ROOT = Path(__file__).parent.parent.parent
ONE = proxies.parse("10.0.0.1")
NETWORKS = proxies.parse("10.0.0.0/8, 192.168.1.7, 2001:db8:1::/48, unix")
CLIENT = "203.0.113.9"


def scope(peer: str | None, kind: str = "http", scheme: str = "http", **headers: str | list[str]) -> dict[str, Any]:
    """A request from `peer` (None: over a unix socket); `x_forwarded_for=…` is a header, a list the same header several times."""
    listed = [(name, [values] if isinstance(values, str) else values) for name, values in headers.items()]
    pairs = [(name.replace("_", "-").encode(), value.encode("latin1")) for name, values in listed for value in values]
    return {"type": kind, "scheme": scheme, "headers": [(b"host", b"ops.example"), *pairs], "client": None if peer is None else [peer, 4711]}


def seen(trusted: proxies.TrustedProxies, request: dict[str, Any]) -> tuple[str | None, str]:
    found = proxies.resolved(trusted, request)
    assert found["headers"] == [(b"host", b"ops.example")]  # no forwarded header goes on, believed or not
    return (found["client"] and found["client"][0], found["scheme"])


@pytest.mark.parametrize("trusted", [proxies.TrustedProxies(), ONE, NETWORKS])
def test_headers_of_a_peer_that_is_no_trusted_proxy_change_nothing(trusted: proxies.TrustedProxies) -> None:
    request = scope(CLIENT, x_forwarded_for="127.0.0.1", x_forwarded_proto="https", x_real_ip="127.0.0.1", forwarded="for=127.0.0.1;proto=https")
    assert seen(trusted, request) == (CLIENT, "http")


@pytest.mark.parametrize(
    ("peer", "hops", "client"),
    [
        ("10.0.0.1", CLIENT, CLIENT),
        ("10.0.0.1", f"127.0.0.1, {CLIENT}", CLIENT),  # what the client sent stands before what the proxy saw
        ("10.0.0.1", f"10.9.9.9, {CLIENT}", CLIENT),
        ("10.0.0.1", f"{CLIENT}, 192.168.1.7, 10.2.3.4", CLIENT),  # a chain of ours
        ("10.0.0.1", [f"1.1.1.1, {CLIENT}", "192.168.1.7"], CLIENT),  # the header twice is one list
        ("10.0.0.1", "192.168.1.8, 10.2.3.4", "192.168.1.8"),  # beside a trusted address is not trusted
        ("10.0.0.1", "10.7.7.7, 10.2.3.4", "10.7.7.7"),  # all of them ours: who began
        ("10.0.0.1", f"{CLIENT}:51234", CLIENT),
        ("10.0.0.1", "[2001:db8:2::5]:51234", "2001:db8:2::5"),
        ("10.0.0.1", "2001:DB8:2:0::5", "2001:db8:2::5"),
        ("2001:db8:1::1", CLIENT, CLIENT),
        ("2001:db8:2::1", CLIENT, "2001:db8:2::1"),
        ("::ffff:10.0.0.1", f"::ffff:{CLIENT}", CLIENT),  # one socket for both families
        ("::ffff:203.0.113.1", CLIENT, "203.0.113.1"),
        (None, CLIENT, CLIENT),
        (None, "", None),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", " , ,", "10.0.0.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),  # garbage ends the search at the last proxy that is known
        ("10.0.0.1", f"{CLIENT}, _hidden, 10.2.3.4", "10.2.3.4"),
        ("10.0.0.1", f"{CLIENT}, 999.1.1.1", "10.0.0.1"),
        ("10.0.0.1", "<script>, \xff\xfe", "10.0.0.1"),
    ],
)
def test_the_client_is_the_last_hop_that_is_no_proxy_of_ours(peer: str | None, hops: str | list[str], client: str | None) -> None:
    assert seen(NETWORKS, scope(peer, x_forwarded_for=hops))[0] == client


@pytest.mark.parametrize(
    ("hops", "schemes", "scheme"),
    [
        (CLIENT, "https", "https"),
        (CLIENT, "HTTPS", "https"),
        (CLIENT, "https, http", "http"),  # the first is what the client claimed
        (f"{CLIENT}, 10.2.3.4", "https, http", "https"),  # two proxies, each added what it saw
        (f"1.1.1.1, {CLIENT}, 10.2.3.4", "http, https, http", "https"),
        (f"{CLIENT}, 10.2.3.4", "https", "https"),
        ("", "https", "https"),
        (CLIENT, "", "http"),
        (CLIENT, "gopher", "http"),
    ],
)
def test_the_scheme_is_the_one_that_the_first_proxy_of_ours_saw(hops: str, schemes: str, scheme: str) -> None:
    assert seen(NETWORKS, scope("10.0.0.1", x_forwarded_for=hops, x_forwarded_proto=schemes))[1] == scheme


def test_a_socket_gets_the_scheme_of_sockets() -> None:
    assert seen(ONE, scope("10.0.0.1", "websocket", "ws", x_forwarded_for=CLIENT, x_forwarded_proto="https")) == (CLIENT, "wss")
    assert seen(ONE, scope(CLIENT, "websocket", "ws", x_forwarded_proto="https")) == (CLIENT, "ws")


@pytest.mark.parametrize(
    ("scheme", "origin", "own"),
    [
        ("wss", "https://ops.example", True),
        ("wss", "https://ops.example:443", True),
        ("wss", "https://OPS.example", True),
        ("wss", "http://ops.example", False),
        ("ws", "https://ops.example", False),
        ("ws", "http://ops.example", True),
        ("ws", "http://ops.example:8000", False),
        ("ws", "http://ops.example.evil", False),
        ("ws", "null", False),
        ("ws", "http://ops.example:x", False),
        ("ws", "http://[", False),
    ],
)
def test_a_page_of_another_scheme_or_port_is_another_site(scheme: str, origin: str, own: bool) -> None:
    assert is_own_origin(scope(CLIENT, "websocket", scheme, origin=origin)) is own


@given(st.lists(st.one_of(st.ip_addresses().map(str), st.text(st.characters(codec="latin1"), max_size=20)), max_size=6), st.text("htps,: ", max_size=12))
def test_a_trusted_proxy_never_makes_a_request_fail_and_a_client_is_an_address(hops: list[str], scheme: str) -> None:
    found = proxies.resolved(NETWORKS, scope("10.0.0.1", x_forwarded_for=",".join(hops), x_forwarded_proto=scheme))
    assert proxies.address(found["client"][0]) is not None and found["scheme"] in ("http", "https")


@given(st.lists(st.ip_addresses().map(str), max_size=4), st.text(st.characters(codec="latin1"), max_size=30))
def test_nothing_that_a_client_sends_changes_which_address_is_its_own(claimed: list[str], junk: str) -> None:
    hops = [*claimed, junk, CLIENT, "10.2.3.4"]
    assert seen(NETWORKS, scope("10.0.0.1", x_forwarded_for=",".join(hops)))[0] == CLIENT


@pytest.mark.parametrize(("text", "wrong"), [("10.0.0.1/33", "10.0.0.1/33"), ("10.0.0.1, proxy.example", "proxy.example"), ("*", "*"), ("yes", "yes")])
def test_an_entry_that_is_no_address_is_refused_by_one_sentence(text: str, wrong: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        environment.trusted_proxies({"HARELINE_TRUSTED_PROXIES": text}, "HARELINE_TRUSTED_PROXIES")
    assert str(refused.value) == f"HARELINE_TRUSTED_PROXIES: expected addresses, networks such as 10.0.0.0/8, or unix, got '{wrong}'"


def test_a_bad_value_stops_the_start() -> None:
    command = [sys.executable, "manage.py", "check"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "HARELINE_TRUSTED_PROXIES": "true"}, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == "hareline: HARELINE_TRUSTED_PROXIES: expected addresses, networks such as 10.0.0.0/8, or unix, got 'true'\n"
