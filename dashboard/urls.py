"""Every address of the site. The API's own are in `dashboard.api.routes`, the web socket's in `dashboard.asgi`."""

from __future__ import annotations

from allauth.account import views as allauth_views
from django.urls import URLPattern, URLResolver, include, path

from dashboard.accounts import account_views as own
from dashboard.accounts import invitation_views, oidc_views, people_views, role_views
from dashboard.again import views as again
from dashboard.api.routes import api
from dashboard.arrangements import views as arrangements
from dashboard.audit import views as audit
from dashboard.capacity import views as capacity
from dashboard.changes import views as changes
from dashboard.comparison import views as comparison
from dashboard.connections import detail_views as connection
from dashboard.connections import views as connections
from dashboard.control import views as control
from dashboard.demo import views as demo
from dashboard.exchanges import detail_views as exchange
from dashboard.exchanges import views as exchanges
from dashboard.exporting import views as exporting
from dashboard.failures import views as failures
from dashboard.finder import views as finder
from dashboard.findings import act_views as finding_acts
from dashboard.findings import feed_views as feeds
from dashboard.findings import rule_views as finding_rules
from dashboard.findings import views as findings
from dashboard.flows import views as flow
from dashboard.history import views as history
from dashboard.lab import views as lab
from dashboard.layout import glossary_views, keyboard_views, theme_views
from dashboard.map import views as whole_map
from dashboard.notifications import views as targets
from dashboard.operations import about_views
from dashboard.operations import views as health
from dashboard.overview import node_views as node
from dashboard.overview import views as overview
from dashboard.people import views as account
from dashboard.periodic import views as periodic
from dashboard.queues import detail_views as queue
from dashboard.queues import peek_views
from dashboard.queues import views as queues
from dashboard.revoke import views as revoke
from dashboard.send import views as send
from dashboard.statistics import views as statistics
from dashboard.tasks import detail_views as task
from dashboard.tasks import export_views as task_export
from dashboard.tasks import kept_views
from dashboard.tasks import views as tasks
from dashboard.why import views as routing
from dashboard.workers import detail_views as worker
from dashboard.workers import group_views as worker_group
from dashboard.workers import listing_views as worker_listing
from dashboard.workers import views as workers

handler500 = "dashboard.operations.problems.server_error"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", overview.page, name="overview"),
    path("nodes/<int:pk>/", node.page, name="node"),
    path("queues/", queues.page, name="queues"),
    path("queues/<int:pk>/", queue.page, name="queue"),
    path("queues/<int:pk>/messages/", peek_views.page, name="peek"),
    path("exchanges/", exchanges.page, name="exchanges"),
    path("exchanges/<int:pk>/", exchange.page, name="exchange"),
    path("map/", whole_map.page, name="map"),
    path("map/export/<slug:kind>/", whole_map.exported, name="map_export"),
    path("connections/", connections.page, name="connections"),
    path("connections/<int:pk>/", connection.page, name="connection"),
    path("workers/", workers.page, name="workers"),
    path("workers/matrix/", capacity.matrix, name="worker_matrix"),
    path("workers/capacity/", capacity.capacity, name="capacity"),
    path("workers/group/", worker_group.page, name="worker_group"),
    path("workers/control/", control.page, name="control"),
    path("workers/control/order/", control.order, name="control_order"),
    path("workers/orders/<int:pk>/", control.one, name="worker_order"),
    path("workers/<int:pk>/", worker.page, name="worker"),
    path("workers/<int:pk>/<slug:action>/", worker_listing.change, name="worker_listing"),
    path("tasks/", tasks.page, name="tasks"),
    path("tasks/export/", task_export.export, name="task_export"),
    path("tasks/periodic/", periodic.page, name="periodic"),
    path("tasks/views/", kept_views.page, name="task_views"),
    path("tasks/views/<int:pk>/<slug:action>/", kept_views.act, name="task_view_act"),
    path("tasks/again/", again.page, name="task_again"),
    path("tasks/again/begin/", again.begin, name="task_again_begin"),
    path("tasks/again/<int:pk>/", again.batch, name="run_again_batch"),
    path("tasks/again/<int:pk>/<slug:action>/", again.change, name="run_again_change"),
    path("tasks/revoke/", revoke.page, name="task_revoke"),
    path("tasks/revoke/order/", revoke.order, name="task_revoke_order"),
    path("tasks/revocations/<int:pk>/", revoke.one, name="revocation"),
    path("tasks/statistics/", statistics.page, name="statistics"),
    path("tasks/statistics/name/", statistics.of_one, name="statistics_name"),
    path("tasks/statistics/export/", statistics.export, name="statistics_export"),
    path("tasks/<int:pk>/", task.page, name="task"),
    path("tasks/flow/", flow.page, name="flow"),
    path("tasks/failures/", failures.page, name="failures"),
    path("tasks/failures/<int:pk>/", failures.detail, name="failure"),
    path("tasks/failures/<int:pk>/<slug:action>/", failures.act, name="failure_act"),
    path("routing/", routing.page, name="routing"),
    path("map/arrangements/", arrangements.page, name="arrangements"),
    path("send/", send.page, name="send"),
    path("send/now/", send.now, name="send_now"),
    path("history/compare/", comparison.page, name="compare"),
    path("history/compare/download/", comparison.download, name="compare_download"),
    path("history/balance/", comparison.balance, name="balance"),
    path("history/definitions/", comparison.definitions, name="definitions"),
    path("findings/", findings.page, name="findings"),
    path("findings/<int:pk>/", findings.detail, name="finding"),
    path("findings/<int:pk>/<slug:action>/", finding_acts.act, name="finding_act"),
    path("findings/feed.atom", feeds.atom, name="feed"),
    path("findings/feeds/", feeds.page, name="feeds"),
    path("findings/feeds/<int:pk>/revoke/", feeds.revoke, name="revoke_feed"),
    path("findings/rules/", finding_rules.rules, name="rules"),
    path("findings/rules/<slug:key>/", finding_rules.rule, name="rule"),
    path("findings/rules/<int:pk>/remove/", finding_rules.unset, name="rule_unset"),
    path("findings/targets/", targets.page, name="targets"),
    path("findings/targets/new/", targets.new, name="target_new"),
    path("findings/targets/<int:pk>/", targets.one, name="target"),
    path("findings/targets/<int:pk>/<slug:action>/", targets.act, name="target_act"),
    path("findings/silence/", finding_acts.silence, name="silence"),
    path("findings/silences/", finding_acts.all_silences, name="silences"),
    path("findings/silences/<int:pk>/end/", finding_acts.end_silence, name="end_silence"),
    path("history/changes/", changes.page, name="changes"),
    path("history/changes/<int:pk>/", changes.detail, name="change"),
    path("history/changes/export/<slug:kind>/", changes.export, name="changes_export"),
    path("history/changes/marks/", changes.add_mark, name="mark_add"),
    path("history/changes/marks/<int:pk>/remove/", changes.remove_mark, name="mark_remove"),
    path("history/", history.page, name="history"),
    path("lab/", lab.page, name="lab"),
    path("lab/start/", lab.start, name="lab_start"),
    path("lab/<int:pk>/", lab.experiment, name="lab_experiment"),
    path("lab/<int:pk>/<slug:act>/", lab.change, name="lab_change"),
    path("find/", finder.found, name="find"),
    path("glossary/", glossary_views.page, name="glossary"),
    path("about/", about_views.page, name="about"),
    path("audit/", audit.page, name="audit"),
    path("audit/export/<slug:kind>/", audit.export, name="audit_export"),
    path("demo/plants/", demo.page, name="plants"),
    path("demo/plants/<slug:key>/<slug:action>/", demo.change, name="plant"),
    path("keyboard/", keyboard_views.page, name="keyboard"),
    path("theme/", theme_views.choose, name="theme"),
    path("people/", people_views.page, name="people"),
    path("people/roles/", role_views.page, name="roles"),
    path("people/roles/<int:pk>/", role_views.one, name="role"),
    path("people/roles/<int:pk>/remove/", role_views.remove, name="remove_role"),
    path("people/<int:pk>/", people_views.person, name="person"),
    path("people/<int:pk>/roles/<int:granted>/take-back/", people_views.take_back, name="take_back"),
    path("people/<int:pk>/<slug:action>/", people_views.act, name="person_act"),
    path("invitation/", invitation_views.page, name="invitation"),
    path("account/", own.page, name="account"),
    path("account/tokens/", own.make_token, name="make_token"),
    path("account/tokens/<int:pk>/revoke/", own.revoke_token, name="revoke_token"),
    path("account/sessions/end-others/", own.end_other_sessions, name="end_other_sessions"),
    path("account/sessions/<int:pk>/end/", own.end_session, name="end_session"),
    path("2fa/", include("dashboard.accounts.factor_urls")),
    path("oidc/<slug:provider_id>/login/", oidc_views.login, name="openid_connect_login"),
    path("oidc/<slug:provider_id>/callback/", oidc_views.callback, name="openid_connect_callback"),
    path("reauthenticate/", allauth_views.reauthenticate, name="account_reauthenticate"),
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("password/change/", account.change_password, name="account_change_password"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", exporting.metrics, name="metrics"),
    path("api/v1/", api.urls),
]
