"""The Atom feed for readers that can't log in, by a token that is good for nothing else; and the page on which such tokens are made and revoked."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from brokers.characters import is_storable
from dashboard import queries, store
from dashboard.findings.feed import feed
from dashboard.people.access import scope_of
from dashboard.people.audited import audited

LONGEST_NAME = 100


@never_cache
@require_safe
def atom(request: HttpRequest) -> HttpResponse:
    """Needs no session; without a token that is good, there is nothing at this address."""
    token = queries.feed_token(request.GET.get("token", ""))
    if token is None:
        return HttpResponse("This feed needs a token that is good: /findings/feeds/ makes one.\n", status=401, content_type="text/plain; charset=utf-8")
    now = timezone.now()
    store.touch_feed_token(token, now)
    return HttpResponse(feed(scope_of(token.user), request.build_absolute_uri, now), content_type="application/atom+xml; charset=utf-8")


@never_cache
def page(request: HttpRequest) -> HttpResponse:
    """A person's own tokens; posted: a new one, whose address is shown this once."""
    name = request.POST.get("name", "").strip()
    address = problem = ""
    if request.method == "POST":
        problem = "" if name and len(name) <= LONGEST_NAME and is_storable(name) else f"A name of up to {LONGEST_NAME} characters is needed."
        if not problem:
            with audited(request.user, "make feed token", name=name):
                plain = store.make_feed_token(request.user.pk or 0, name, timezone.now())
            address = f"{request.build_absolute_uri(reverse('feed'))}?token={plain}"
    context = {
        "tokens": queries.feed_tokens(request.user.pk or 0),
        "address": address,
        "problem": problem,
        "name": "" if address else name,
        "now": timezone.now(),
    }
    return render(request, "findings/feeds.html", context, status=422 if problem else 200)


@require_POST
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    name = next((token.name for token in queries.feed_tokens(request.user.pk or 0) if token.pk == pk), None)
    if name is None:
        raise Http404("There is no such token of yours.")
    with audited(request.user, "revoke feed token", name=name):
        store.revoke_feed_token(request.user.pk or 0, pk)
    messages.success(request, f"Revoked: {name}. Its address shows nothing any more.")
    return redirect("feeds")
