"""How long somebody waits before the next password is checked: longer after each wrong one, for that name from there alone. Pure.

A name is counted together with where it was tried from: a browser that this name has logged in from before counts for itself, everything else by its
address. So nobody makes another person wait who comes from elsewhere or from their own browser. One address has a pace for all names together, since each
check costs processor time. Counts are kept by `dashboard.store.login_delays`, the browser's cookie is in `known_browser`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address, ip_network

FREE_TRIES = 5
FIRST, LONGEST = timedelta(seconds=5), timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=12)
BURST, EVERY = 30, timedelta(seconds=10)
"""How many wrong passwords an address may send at once, whatever the names, and how often one more."""


def delay(failures: int) -> timedelta:
    """How long the next try waits after so many wrong passwords.

    >>> [int(delay(failures).total_seconds()) for failures in (0, 4, 5, 6, 9, 12, 1000)]
    [0, 0, 5, 10, 80, 640, 900]
    """
    if failures < FREE_TRIES:
        return timedelta(0)
    return min(LONGEST, FIRST * 2 ** min(failures - FREE_TRIES, 20))


def paced(free_at: datetime, now: datetime) -> tuple[timedelta, datetime]:
    """(how long an address waits, its next `free_at` if this try is counted). It may send BURST at once and then one EVERY so often.

    >>> noon = datetime(2026, 1, 1, 12)
    >>> paced(noon, noon) == (timedelta(0), noon + EVERY)
    True
    >>> paced(noon + EVERY * BURST, noon)[0] == EVERY
    True
    """
    known = min(max(free_at, now), now + EVERY * (BURST + 1))  # a clock that was set back makes nobody wait for days
    return max(timedelta(0), known + EVERY - now - EVERY * BURST), known + EVERY


def key(secret: str, kind: str, text: str) -> str:
    """What stands for a name, a browser or an address in the database, where none of them can be read or guessed.

    >>> key("secret", "name", "ada") == key("secret", "name", " ADA "), key("secret", "name", "ada") == key("other", "name", "ada")
    (True, False)
    """
    return blake2b(f"{kind}:{text.strip().lower()}".encode(), key=secret.encode()[:64], digest_size=16, person=b"hareline-login").hexdigest()


def counted_address(text: str) -> str:
    """The address that is counted: of IPv6 the network of 64 bits, of which one machine has all.

    >>> counted_address("2001:db8::1") == counted_address("2001:db8::2"), counted_address("10.0.0.1"), counted_address("a socket")
    (True, '10.0.0.1', 'a socket')
    """
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return text
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) and not found.ipv4_mapped else str(found)


def text(wait: timedelta) -> str:
    """The sentence beside the form; the time is rounded up.

    >>> text(timedelta(seconds=4.2))
    'Too many wrong passwords. Try again in 5 seconds.'
    >>> text(timedelta(seconds=1)), text(timedelta(seconds=150))
    ('Too many wrong passwords. Try again in 1 second.', 'Too many wrong passwords. Try again in 3 minutes.')
    """
    seconds = whole_seconds(wait)
    number, unit = (seconds, "second") if seconds <= 90 else (-(-seconds // 60), "minute")
    return f"Too many wrong passwords. Try again in {number} {unit}{'' if number == 1 else 's'}."


def whole_seconds(wait: timedelta) -> int:
    return max(1, -(-wait // timedelta(seconds=1)))
