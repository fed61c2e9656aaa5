"""The rules, and the forms by which a person sets their thresholds, previews that, and takes it back."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from dashboard import queries
from dashboard.findings import rule_settings
from dashboard.findings.rules import ALL
from dashboard.findings.rules_page import RulePage, listed
from dashboard.layout.frame import shell_of


def rules(request: HttpRequest) -> HttpResponse:
    return render(request, "findings/rules.html", {"groups": listed(shell_of(request).scope)})


@require_http_methods(["GET", "HEAD", "POST"])
def rule(request: HttpRequest, key: str) -> HttpResponse:
    """The rule's page. Posted with `act=preview`: what the setting would have done; else the setting is stored. What makes no sense stands beside its field."""
    if key not in ALL:
        raise Http404("There is no such rule.")
    page = RulePage(shell_of(request).scope, request.user, ALL[key], request.POST.dict(), timezone.now())
    if request.method == "POST":
        is_preview = request.POST.get("act") == "preview"
        if page.why_not and not is_preview:
            rule_settings.note_refusal(request.user, rule_settings.SET, key, page.why_not, page.now)
            raise PermissionDenied
        if page.check() and is_preview:
            page.look_back()
        elif not page.problems:
            rule_settings.add(request.user, page.rule, page.form, page.now)
            messages.success(request, "Set. It counts from the next look of the rules on.")
            return redirect("rule", key=key)
    status = 422 if page.problems else 200
    return render(request, "findings/rule.html", {"page": page, "rule": page.rule, "now": page.now}, status=status)


@require_POST
def unset(request: HttpRequest, pk: int) -> HttpResponse:
    setting, now = queries.rule_setting(pk), timezone.now()
    if setting is None:
        raise Http404("There is no such setting.")
    why_not = rule_settings.why_not(request.user)
    if why_not:
        rule_settings.note_refusal(request.user, rule_settings.UNSET, setting.rule, why_not, now)
        raise PermissionDenied
    rule_settings.remove(request.user, setting, now)
    messages.success(request, "Removed.")
    return redirect("rule", key=setting.rule) if setting.rule in ALL else redirect("rules")
