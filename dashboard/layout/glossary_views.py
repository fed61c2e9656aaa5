"""The words of AMQP and Celery, each in plain sentences with an example."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import slugify

from dashboard.layout.glossary import CHAPTERS
from dashboard.layout.spans import spans


def page(request: HttpRequest) -> HttpResponse:
    chapters = [
        (title, slugify(title), [(slugify(name), name, term.also, spans(term.text), spans(term.example)) for name, term in terms.items()])
        for title, terms in CHAPTERS.items()
    ]
    return render(request, "glossary.html", {"chapters": chapters})
