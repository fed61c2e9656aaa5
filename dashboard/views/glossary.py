"""The words of AMQP and Celery in a sentence each."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import slugify

from dashboard.glossary import TERMS


def page(request: HttpRequest) -> HttpResponse:
    return render(request, "glossary.html", {"terms": [(slugify(term), term, text) for term, text in TERMS.items()]})
