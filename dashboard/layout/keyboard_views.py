"""The page of keyboard shortcuts."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import slugify

from dashboard.layout.keyboard import SHORTCUTS


def page(request: HttpRequest) -> HttpResponse:
    groups = [(title, slugify(title), [(shown, [keys.split(" ") for keys in shown.keys]) for shown in shortcuts]) for title, shortcuts in SHORTCUTS.items()]
    return render(request, "keyboard.html", {"groups": groups})
