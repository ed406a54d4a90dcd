"""Agents: the list, and what their form lets through."""

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_eliza_sessions.models import Agent
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import lifecycle
from tests.admin.conftest import AGENTS, page_of
from tests.conftest import minutes

CHOSEN = "3c90c3cc-0d44-4b50-8888-8dd25736052a"


@pytest.fixture
def fill_in(admin_client):
    """Post the agent's form, the given fields changed; return the response."""

    def post(path=f"{AGENTS}add/", **fields):
        return admin_client.post(
            path,
            {
                "id": CHOSEN,
                "name": "Eliza",
                "enabled": "on",
                "backend": "scripted",
                "backend_options": "{}",
                "when_busy": "enqueue",
                "timeout_minutes": "",
                "auto_renew": "",
                "max_duration_minutes": "",
                "warning_threshold_minutes": "",
            }
            | fields,
        )

    return post


def errors_of(response):
    assert response.status_code == 200
    return {
        field: list(problems)
        for field, problems in response.context["adminform"].form.errors.items()
    }


def test_adds_an_agent_with_an_id_of_choice(fill_in):
    response = fill_in(
        id=CHOSEN.upper(),
        backend_options='{"prompt": "You are 🙂"}',
        timeout_minutes="60",
        auto_renew="False",
    )

    assert response.status_code == 302
    agent = Agent.objects.get()
    assert str(agent.pk) == CHOSEN
    assert agent.backend == "scripted"
    assert agent.backend_options == {"prompt": "You are 🙂"}
    assert agent.timeout_overrides == {
        "timeout_minutes": 60,
        "auto_renew": False,
        "max_duration_minutes": None,
        "warning_threshold_minutes": None,
    }


def test_offers_an_id_when_adding(admin_client):
    form = admin_client.get(f"{AGENTS}add/").context["adminform"].form

    assert uuid.UUID(str(form["id"].value()))


def test_an_id_is_given_once(fill_in, agent_factory):
    agent_factory(pk=CHOSEN, name="First")

    assert "id" in errors_of(fill_in())
    assert Agent.objects.get().name == "First"


def test_an_id_stays(fill_in, agent):
    assert fill_in(page_of(agent), name="Renamed").status_code == 302

    kept = Agent.objects.get()
    assert kept.pk == agent.pk
    assert kept.name == "Renamed"


def test_offers_the_configured_backends(admin_client):
    form = admin_client.get(f"{AGENTS}add/").context["adminform"].form

    assert form.fields["backend"].choices == [
        ("default", "default"),
        ("scripted", "scripted"),
    ]


def test_refuses_any_other_backend(fill_in):
    assert "backend" in errors_of(fill_in(backend="gone"))


def test_keeps_a_backend_that_is_no_longer_configured(admin_client, fill_in, agent_factory):
    agent = agent_factory(backend="gone")
    warning = "gone (not configured: its messages fail)"

    assert warning in admin_client.get(AGENTS).content.decode()
    assert warning in admin_client.get(page_of(agent)).content.decode()
    assert fill_in(page_of(agent), backend="gone", name="Renamed").status_code == 302
    assert Agent.objects.get().name == "Renamed"


@pytest.mark.parametrize("options", ["", "null", "{}"])
def test_no_options_are_an_empty_object(fill_in, options):
    assert fill_in(backend_options=options).status_code == 302
    assert Agent.objects.get().backend_options == {}


@pytest.mark.parametrize(
    "options",
    [
        "[]",
        "0",
        "true",
        '"text"',
        "{",
        '{"a": NaN}',
        '{"a": -Infinity}',
        '{"a": 1e999}',
        '{"a": "\\u0000"}',
        '{"\\u0000": 1}',
        '{"a": ["\\ud800"]}',
        "[" * 100,
    ],
)
def test_refuses_options_that_are_no_object_or_cannot_be_stored(fill_in, options):
    assert list(errors_of(fill_in(backend_options=options))) == ["backend_options"]


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("timeout_minutes", "4", "from 5 to 1440, got 4"),
        ("timeout_minutes", "1441", "from 5 to 1440, got 1441"),
        ("max_duration_minutes", "0", "from 1 to 2880, got 0"),
        ("max_duration_minutes", "2881", "from 1 to 2880, got 2881"),
        ("warning_threshold_minutes", "0", "from 1 to 1440, got 0"),
    ],
)
def test_holds_timeouts_against_their_limits(fill_in, field, value, allowed):
    errors = errors_of(fill_in(**{field: value}))

    assert list(errors) == [field]
    assert allowed in errors[field][0]


@pytest.mark.parametrize("days", ["0", "36501", "-1", "soon"])
def test_refuses_a_retention_of_no_days_or_of_too_many(fill_in, days):
    assert list(errors_of(fill_in(retention_days=days))) == ["retention_days"]


def test_takes_a_retention_of_its_own(fill_in):
    assert fill_in(retention_days="7", retention_action="anonymise").status_code == 302
    agent = Agent.objects.get()
    assert (agent.retention_days, agent.retention_action) == (7, "anonymise")


def test_the_limits_are_those_in_force(fill_in, configure):
    configure(SESSION_MAX_TIMEOUT_MINUTES=2000)

    assert fill_in(timeout_minutes="1441").status_code == 302


def test_names_every_timeout_at_fault(fill_in):
    errors = errors_of(
        fill_in(
            timeout_minutes="1",
            max_duration_minutes="9999",
            warning_threshold_minutes="x",
        )
    )

    assert set(errors) == {
        "timeout_minutes",
        "max_duration_minutes",
        "warning_threshold_minutes",
    }


@pytest.mark.parametrize("way", ["page", "action"])
def test_an_agent_with_sessions_is_kept(admin_client, session, way):
    if way == "page":
        path = page_of(session.agent).replace("change/", "delete/")
        response = admin_client.post(path, {"post": "yes"})
    else:
        response = admin_client.post(
            AGENTS,
            {
                "action": "delete_selected",
                "_selected_action": session.agent.pk,
                "post": "yes",
            },
        )

    assert response.status_code == 200
    html = response.content.decode()
    assert "protected related objects" in html
    assert str(session.pk) in html
    assert Agent.objects.exists()


def test_an_agent_without_sessions_goes(admin_client, agent):
    admin_client.post(page_of(agent).replace("change/", "delete/"), {"post": "yes"})

    assert not Agent.objects.exists()


def test_counts_live_sessions(clock, admin_client, agent_factory, session_factory):
    busy, idle = agent_factory(name="Busy"), agent_factory(name="Idle")
    ended, *_live = [session_factory(agent_id=busy.pk) for _ in range(3)]
    session_factory(agent_id=busy.pk, timeouts={"timeout_minutes": 5})
    lifecycle.end_session(principal=SYSTEM, session_id=ended.pk)
    clock.shift(minutes(10))

    rows = admin_client.get(AGENTS).context["cl"].result_list

    live = {row.pk: row.live for row in rows}
    assert (live[busy.pk], live[idle.pk]) == (2, 0)


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("doct", 1),
        (CHOSEN, 1),
        (CHOSEN[:13].upper(), 1),
        ("%", 0),
        ("garbage", 0),
        ("f" * 40, 0),
    ],
)
def test_searches(admin_client, agent_factory, term, found):
    agent_factory(pk=CHOSEN, name="The Doctor")
    agent_factory(pk="4c90c3cc-0d44-4b50-8888-8dd25736052a", name="Parry")

    assert len(admin_client.get(AGENTS, {"q": term}).context["cl"].result_list) == found


def test_costs_the_same_with_more_rows(admin_client, agent_factory, session_factory):
    session_factory()
    admin_client.get(AGENTS)
    with CaptureQueriesContext(connection) as few:
        admin_client.get(AGENTS)
    for _ in range(20):
        session_factory(agent_id=agent_factory().pk)
    with CaptureQueriesContext(connection) as many:
        admin_client.get(AGENTS)

    assert len(many) == len(few)


def test_offers_what_a_new_agent_inherits(admin_client):
    page = admin_client.get(f"{AGENTS}add/")
    html = page.content.decode()
    assert "\n{}</textarea>" in html
    assert '<option value="" selected>Inherit</option>' in html
    assert '<option value="enqueue" selected>' in html


@pytest.mark.parametrize(("word", "value"), [("", None), ("True", True), ("False", False)])
def test_renewal_can_be_set_or_inherited(fill_in, word, value):
    fill_in(auto_renew=word)
    agent = Agent.objects.get()
    assert agent.auto_renew is value
    shown = fill_in(f"{AGENTS}{agent.pk}/change/", auto_renew=word)
    assert shown.status_code == 302
    agent.refresh_from_db()
    assert agent.auto_renew is value
