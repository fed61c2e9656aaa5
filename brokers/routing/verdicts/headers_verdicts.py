"""Why a headers binding matches or not, naming the header that decided, and whether it is a near miss. Pure."""

from __future__ import annotations

from brokers.routing.bindings import Bound, compared_headers, x_match
from brokers.routing.values import Sameness, Table, Value, comparable, described, plain_text, sameness
from brokers.routing.verdicts.verdict import Verdict, difference, folded

UNKNOWN = "AMQP types inside it, which JSON and the management API don't show, decide"


def headers_verdict(binding: Bound, message: Table, version: tuple[int, ...]) -> Verdict:
    """The verdict on one binding. `message`: the headers without BCC, which RabbitMQ removes before comparing."""
    match = x_match(binding.pattern)
    wanted = compared_headers(binding.pattern)
    unmet = {name: value for name, value in wanted.items() if not _meets(message, name, value, version)}
    skipped = sorted(name for name in binding.pattern if name != "x-match" and name not in wanted)
    note = f" ({', '.join(skipped)} not compared: x-match {match} skips names that begin with x-)" if skipped else ""
    if match.startswith("any"):
        found = _any(match, message, wanted, unmet, version)
    else:
        found = _all(match, message, wanted, unmet, version)
    if binding.lossy and any(value.type == "void" for value in wanted.values()):
        note += '; the exported value "undefined" is read as void, so any value of that header matches'
    return Verdict(found.matched, found.near, found.why + note, found.group)


def _any(match: str, message: Table, wanted: Table, unmet: Table, version: tuple[int, ...]) -> Verdict:
    met = next((name for name in wanted if name not in unmet), None)
    if met is not None:
        return Verdict(True, False, f"x-match {match}: header {met} matches")
    if not wanted:
        return Verdict(False, False, f"x-match {match} over no header matches nothing", "it compares no header")
    name = next((name for name, value in unmet.items() if _nearly(message, name, value, version)), None)
    deciding = name or next(iter(unmet))
    why = f"x-match {match}: none of its headers matches; {_unmet(message, deciding, unmet[deciding], version)}"
    return Verdict(False, name is not None, why, "none of its headers matches")


def _all(match: str, message: Table, wanted: Table, unmet: Table, version: tuple[int, ...]) -> Verdict:
    if not unmet:
        return Verdict(True, False, f"x-match {match}: " + ("every header matches" if wanted else "it requires no header, so it matches every message"))
    name = next((name for name, value in unmet.items() if _nearly(message, name, value, version)), next(iter(unmet)))
    more = f"; and {len(unmet) - 1} more header{'s' if len(unmet) > 2 else ''} that does not match" if len(unmet) > 1 else ""
    group = f"header {name} is missing" if name not in message else f"header {name} has another value"
    near = len(unmet) == 1 and (len(wanted) > 1 or bool(_nearly(message, name, unmet[name], version)))
    return Verdict(False, near, _unmet(message, name, unmet[name], version) + more, group)


def _meets(message: Table, name: str, value: Value, version: tuple[int, ...]) -> bool:
    if name not in message:
        return False
    return value.type == "void" or comparable(message[name], version, True) == comparable(value, version, False)


def _unmet(message: Table, name: str, value: Value, version: tuple[int, ...]) -> str:
    hint = _nearly(message, name, value, version)
    if name in message:
        return f"header {name} is {described(message[name])}, wanted {described(value)}" + (f": {hint}" if hint else "")
    if name == "BCC":
        return "header BCC is removed before headers are compared"
    return f"header {name} is missing, wanted {'any value' if value.type == 'void' else described(value)}" + (f": {hint}" if hint else "")


def _nearly(message: Table, name: str, value: Value, version: tuple[int, ...]) -> str:
    """A hint on an almost equal value: the same in another type or case, or a name in another case; "" if there is none."""
    given = message.get(name)
    if given is None:
        other = next((found for found in message if folded(found) == folded(name)), None)
        return f"there is {other}, and names are compared exactly ({difference(other, name)})" if other is not None else ""
    if sameness(value, given, version) is Sameness.UNKNOWN:
        return UNKNOWN
    one, other = plain_text(given).strip('"'), plain_text(value).strip('"')
    if given.type != value.type and one.casefold() == other.casefold():
        return "RabbitMQ never converts between types"
    if given.type != value.type and _is_number(given) and _is_number(value) and given.value == value.value:
        return "RabbitMQ never converts between types; since 4.0 an integer does not equal a number with a decimal point"
    if one != other and folded(one) == folded(other) and one:
        return difference(one, other)
    return ""


def _is_number(value: Value) -> bool:
    return isinstance(value.value, int | float) and not isinstance(value.value, bool)
