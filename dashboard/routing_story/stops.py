"""The exchanges on a message’s way, each with its bindings and their verdicts. Pure."""

from __future__ import annotations

import msgspec

from dashboard.routing_story.words import JSON, Address, Span, Word, pattern_words, spans, written

MOST_BINDINGS = 100
TYPES = {
    "direct": "A direct exchange takes a binding if its key is exactly the routing key.",
    "topic": "A topic exchange compares words between dots: * is exactly one word, # any number, also none.",
    "fanout": "A fanout exchange gives a copy to everything bound to it; the routing key is ignored.",
    "headers": "A headers exchange compares the message’s headers, value and type; the routing key is ignored.",
}


class BindingLine(msgspec.Struct, frozen=True):
    """One binding and its verdict: `verdict` is matched, near or no."""

    verdict: str
    words: list[Word]
    arguments: str
    destination: str
    kind: str
    address: str
    why: list[Span]


class Stop(msgspec.Struct, frozen=True):
    """One exchange on the way."""

    heading: str
    says: str
    icon: str
    exchange: str
    address: str
    bindings: list[BindingLine]
    more: int
    others: list[tuple[str, int]]


def stop(step: JSON, address: Address) -> Stop:
    """One step of an explanation."""
    name, matched = step["exchange"] or "the default exchange", sum(one["matched"] for one in step["bindings"])
    near = sum(one["near"] and not one["matched"] for one in step["bindings"])
    key = f"the key {step['keys'][0]}" if step["keys"][0] else "an empty key"
    more = f" and {len(step['keys']) - 1} more (CC, BCC)" if len(step["keys"]) > 1 else ""
    headings = {
        "publish": (f"It enters at {name}, with {key}{more}", "arrow-down"),
        "binding": (f"A binding takes it on to {name}", "arrows-split"),
        "alternate": (f"Nothing matched before, so it goes to the alternate {name}", "git-merge"),
        "dead-letter": (f"If it dies in its queue, it goes to {name}, with {key}{more}", "skull"),
    }
    heading, icon = headings.get(step["via"], (name, "arrows-split"))
    others = [(other["why"], other["count"]) for other in step["others"]]
    total = len(step["bindings"]) + sum(count for _, count in others)
    counted = (
        f"{total:,} {'binding' if total == 1 else 'bindings'}: {matched or 'none'} {'matches' if matched == 1 else 'match'}" if total else "It has no bindings"
    )
    says = "The default exchange takes the routing key for a queue’s name." if not step["exchange"] else TYPES.get(step["type"], f"Its type is {step['type']}.")
    lines = [_binding(one, step, address) for one in step["bindings"][:MOST_BINDINGS]]
    return Stop(
        heading=heading,
        says=f"{says} {counted}{f', {near} nearly' if near else ''}.",
        icon=icon,
        exchange=step["exchange"],
        address=address("exchange", step["exchange"]),
        bindings=lines,
        more=len(step["bindings"]) - len(lines),
        others=others,
    )


def _binding(one: JSON, step: JSON, address: Address) -> BindingLine:
    verdict = "matched" if one["matched"] else "near" if one["near"] else "no"
    words = [] if step["type"] in ("headers", "fanout") else pattern_words(step["type"], one["routing_key"], step["keys"][0], one["matched"])
    arguments = ", ".join(f"{name}: {written(value)}" for name, value in one["arguments"].items()) if step["type"] == "headers" else ""
    kind = one["destination_type"]
    return BindingLine(verdict, words, arguments, one["destination"], kind, address(kind, one["destination"]), spans(one["why"]))
