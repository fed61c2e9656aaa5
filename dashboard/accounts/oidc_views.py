"""Where a login by an OpenID Connect provider begins and where it comes back. Whatever goes wrong there is stated on the login page."""

from __future__ import annotations

from urllib.parse import urlencode

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from dashboard.accounts.oidc import CheckedProvider, problem_text, provider_named, refused


@never_cache
@require_POST
def login(request: HttpRequest, provider_id: str) -> HttpResponse:
    """A page that goes on to the provider. A redirect would be that of a form, which the content security policy lets lead nowhere else, and providers may
    redirect to addresses that nobody configured here."""
    begin = QueryDict(urlencode({"next": request.POST.get("next", "")}))
    request.POST = request.GET = begin  # allauth reads more from both: other processes, scopes, parameters for the provider
    answer = _answered(request, provider_id, OAuth2LoginView)
    address = answer.headers.get("Location", "")
    if not address.startswith(("https://", "http://")):
        return answer
    page = render(request, "account/provider.html", {"label": provider_named(provider_id).label, "address": address})
    page.headers["Refresh"] = f"0; url={address}"
    return page


@never_cache
@require_GET
def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    return _answered(request, provider_id, OAuth2CallbackView)


def _answered(request: HttpRequest, provider_id: str, view: type[OAuth2LoginView | OAuth2CallbackView]) -> HttpResponse:
    try:
        provider = provider_named(provider_id)
    except KeyError:
        raise Http404("There is no such provider.") from None
    adapter = CheckedProvider(request, provider_id)
    try:
        if view is OAuth2LoginView:
            adapter.check()  # allauth begins a login without it
        response: HttpResponse = view.adapter_view(adapter)(request)
    except ImmediateHttpResponse as error:
        return error.response
    except (OAuth2Error, OSError, ValueError, KeyError, TypeError, AttributeError) as error:  # the last ones: an answer of another shape
        return refused(request, provider, problem_text(provider.label, error))
    return response
