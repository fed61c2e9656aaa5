"""The words that newcomers need are all explained, and the document has the same terms as the pages."""

from __future__ import annotations

from operator import itemgetter
from pathlib import Path

from dashboard.layout.glossary import CHAPTERS, TERMS, Term
from tests.every_case import every_case

DOCUMENT = Path(__file__).parents[2] / "docs" / "glossary.md"
NEEDED = (
    *("middleware", "messaging model", "message", "task", "attributes", "headers", "payload", "producer", "client", "publisher", "broker", "exchange"),
    *("binding", "routing key", "binding key", "queue", "consumer", "worker", "node", "concurrency", "prefetch", "acknowledgement"),
)


@every_case("word", NEEDED, str)
def test_every_word_of_the_model_is_there(word: str) -> None:
    assert word in TERMS or any(word in term.also for term in TERMS.values())


def test_each_word_stands_once() -> None:
    assert len(TERMS) == sum(len(terms) for terms in CHAPTERS.values())
    words = [word for name, term in TERMS.items() for word in (name, *term.also)]
    assert len(words) == len(set(words))


@every_case("term", list(TERMS.values()), str)
def test_each_is_one_or_two_plain_sentences_with_an_example(term: Term) -> None:
    assert term.text.endswith(".")
    assert 1 <= term.text.count(". ") + 1 <= 3
    assert len(term.text) <= 300
    assert term.example
    assert "'" not in term.text + term.example
    assert term.text.count("`") % 2 == term.example.count("`") % 2 == 0


@every_case("named", list(TERMS.items()), itemgetter(0))
def test_the_document_has_the_same_terms(named: tuple[str, Term]) -> None:
    name, term = named
    also = f" (also {' and '.join(term.also)})" if term.also else ""
    assert f"| {name}{also} | {term.text} | {term.example} |\n" in DOCUMENT.read_text(encoding="utf-8")
