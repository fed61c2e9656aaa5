"""Hareline connects to no link-local address and no metadata service, and to its own machine only where that is permitted."""

from __future__ import annotations

import os

import pytest

from dashboard.notifications.outside.guard import Guard, NotPermitted, why_not, why_not_host

LINK_LOCAL, METADATA = "it is link-local", "it is the metadata service of a cloud"


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("169.254.169.254", LINK_LOCAL),
        ("169.254.0.1", LINK_LOCAL),
        ("fe80::1", LINK_LOCAL),
        ("fe80::1%eth0", LINK_LOCAL),
        ("::ffff:169.254.169.254", LINK_LOCAL),
        ("::169.254.169.254", LINK_LOCAL),
        ("64:ff9b::169.254.169.254", LINK_LOCAL),
        ("2002:a9fe:a9fe::1", LINK_LOCAL),
        ("fd00:ec2::254", METADATA),
        ("100.100.100.200", METADATA),
        ("168.63.129.16", METADATA),
        ("0.0.0.0", "it is no address of a host"),
        ("0.1.2.3", "it is no address of a host"),
        ("::", "it is no address of a host"),
        ("224.0.0.1", "it is no address of a host"),
        ("255.255.255.255", "it is no address of a host"),
        ("hooks.example.com", "it is no IP address"),
        ("10.1.2.3", ""),
        ("192.168.0.1", ""),
        ("93.184.216.34", ""),
        ("2606:2800:220:1::1", ""),
        ("::ffff:10.0.0.1", ""),
    ],
)
def test_which_addresses_are_permitted(address: str, reason: str) -> None:
    assert why_not(address, loopback=False) == why_not(address, loopback=True) == reason


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_this_machine_only_where_it_is_permitted(address: str) -> None:
    assert "HARELINE_NOTIFY_LOOPBACK" in why_not(address, loopback=False)
    assert why_not(address, loopback=True) == ""


def test_a_host_as_it_is_typed() -> None:
    assert why_not_host("metadata.google.internal.", loopback=True) == METADATA
    assert why_not_host("[fe80::1]", loopback=True) == LINK_LOCAL
    assert "this machine" in why_not_host("LOCALHOST", loopback=False)
    assert why_not_host("hooks.example.com", loopback=False) == ""


def test_the_hook_looks_at_each_connection_and_at_files_and_programs() -> None:
    guard = Guard(loopback=False)
    guard._check("socket.connect", (None, ("93.184.216.34", 443)))
    for address in (("169.254.169.254", 80), ("fe80::1", 80, 0, 2), "/run/docker.sock", ("hooks.example.com", 80), (b"x", 1)):
        with pytest.raises(NotPermitted):
            guard._check("socket.connect", (None, address))
    assert len(guard.refused) == 5
    with pytest.raises(NotPermitted):
        guard._check("subprocess.Popen", ("sh", [], None, None))
    guard._check("open", ("/etc/passwd", "r", 0))
    guard.close_files()
    guard._check("open", (os.__file__, "r", 0))
    guard._check("open", (3, "r", 0))
    for path in ("/etc/passwd", b"/etc/passwd", "/etc/ssl/../passwd"):
        with pytest.raises(NotPermitted):
            guard._check("open", (path, "r", 0))
