"""What people do with findings: forms of their pages, each its own address."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from brokers.queries.one_moment import one_moment
from dashboard import queries
from dashboard.findings import acts, silences
from dashboard.findings.detail_page import FindingPage
from dashboard.findings.silence_page import SilencePage, listed
from dashboard.findings.views import list_of, shown
from dashboard.layout.frame import shell_of
from dashboard.models import Finding


@require_POST
def act(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    """Takes it on, releases it, or adds a comment; a comment that can't be stored comes back with the reason beside it."""
    finding = _finding(request, str(pk))
    if finding is None or action not in acts.ACTIONS:
        raise Http404("There is no such finding.")
    now, text = timezone.now(), request.POST.get("text", "")
    problem = acts.comment_problem(text) if action == acts.COMMENT and not acts.why_not(request.user, finding) else ""
    if problem:
        with one_moment():
            one = FindingPage(shell_of(request).scope, request.user, finding, now)
            one.comment, one.comment_problem = text, problem
            return shown(request, list_of(request), one, status=422)
    if acts.act(request.user, finding, action, now, text):
        raise PermissionDenied
    return redirect("finding", pk=pk)


def silence(request: HttpRequest) -> HttpResponse:
    """The form of a silence; posted: the silence is made, or what is wrong stands beside the fields. `?part=preview`: how many findings it is about."""
    finding = _finding(request, request.GET.get("finding", ""))
    page = SilencePage(request.user, finding, request.POST.dict(), timezone.now())
    if request.method == "POST" and request.GET.get("part") == "preview":
        return render(request, "findings/_preview.html", {"page": page})
    if request.method == "POST" and page.may_not:
        silences.note_refusal(request.user, page.patterns, page.may_not, page.now)
        raise PermissionDenied
    if request.method == "POST" and page.check():
        page.save()
        return redirect(page.back)
    status = 422 if page.problems else 200
    return render(request, "findings/silence.html", {"page": page, "finding": finding, "now": page.now}, status=status)


def all_silences(request: HttpRequest) -> HttpResponse:
    """Those that hold, each with a button that ends it."""
    now = timezone.now()
    return render(request, "findings/silences.html", {"silences": listed(request.user, now), "now": now, "why_not": acts.why_not(request.user)})


@require_POST
def end_silence(request: HttpRequest, pk: int) -> HttpResponse:
    silence = queries.silence(shell_of(request).scope, pk)
    if silence is None:
        raise Http404("There is no such silence.")
    if silences.end(request.user, silence, timezone.now()):
        raise PermissionDenied
    finding = _finding(request, request.POST.get("finding", ""))
    if finding:
        return redirect("finding", pk=finding.pk)  # which says so itself
    messages.success(request, f"Ended: {silences.text(silence)}.")
    return redirect("silences")


def _finding(request: HttpRequest, key: str) -> Finding | None:
    is_key = key.isascii() and key.isdigit() and len(key) < 19
    return queries.finding(shell_of(request).scope, int(key)) if is_key else None
