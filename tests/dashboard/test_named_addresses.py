"""Addresses of pages about no object: those of Django, whatever the prefix, and an error for a page that does not exist."""

from __future__ import annotations

import pytest
from django.template import engines
from django.urls import NoReverseMatch, get_script_prefix, reverse, set_script_prefix

from dashboard.layout.named_addresses import address_of


def rendered(text: str) -> str:
    return engines["django"].from_string("{% load hareline %}" + text).render({"route": "tasks"})


def test_an_address_is_that_of_django_under_each_prefix() -> None:
    usual = get_script_prefix()
    try:
        for prefix in ("/", "/hareline/", "/"):
            set_script_prefix(prefix)
            assert address_of("tasks") == reverse("tasks") == rendered('{% url "tasks" %}') == rendered("{% url route %}") == f"{prefix}tasks/"
    finally:
        set_script_prefix(usual)


def test_addresses_of_objects_and_under_names_are_made_as_django_makes_them() -> None:
    assert rendered('{% url "task" 17 %}') == reverse("task", args=[17])
    assert rendered('{% url "tasks" as here %}-{{ here }}') == f"-{reverse('tasks')}"
    assert rendered('{% url "nowhere" as here %}-{{ here }}') == "-"


def test_a_page_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(NoReverseMatch):
        rendered('{% url "nowhere" %}')
