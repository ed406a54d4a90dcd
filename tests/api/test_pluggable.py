"""A project's own settings change nothing on our wire, and ours nothing on theirs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.urls import include, path, reverse

from tests.api.shapes import error_of
from tests.conftest import BASE

HERE = Path(__file__).parent

urlpatterns = [
    path("one/", include("django_eliza_sessions.urls")),
    path("two/", include("django_eliza_sessions.urls", namespace="two")),
]


@pytest.mark.endurance
def test_all_api_tests_pass_in_a_project_with_its_own_ways():
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    finished = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("--ds", "tests.api.host.settings", "--create-db"),
            *("-o", "python_files=test_*.py own_ways.py"),
            *(str(HERE), "--ignore", __file__),
        ],
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout[-5000:] + finished.stderr


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("prefix", ["/one", "/two"])
def test_works_under_a_prefix(client, session, prefix):
    assert client.get(f"{prefix}{BASE}/health").status_code == 200
    assert client.get(f"{prefix}{BASE}/{session.pk}").status_code == 200
    error_of(client.get(f"{prefix}{BASE}/a/b/c"), 404, "NotFoundError")
    assert client.get(f"{BASE}/health").status_code == 404


@pytest.mark.urls(__name__)
def test_urls_are_named():
    assert reverse("django_eliza_sessions:health") == f"/one{BASE}/health"
    assert reverse("two:health") == f"/two{BASE}/health"
    assert reverse("two:session", args=["x"]) == f"/two{BASE}/x"


@pytest.mark.parametrize("append", [True, False])
@pytest.mark.parametrize("slash", ["", "/"])
def test_never_redirects(client, session, settings, append, slash):
    settings.APPEND_SLASH = append
    for below in ("", "/health", f"/{session.pk}", f"/{session.pk}/messages"):
        assert client.get(f"{BASE}{below}{slash}").status_code == 200
    for below in ("/a/b/c", f"/{session.pk}/x"):
        error_of(client.get(f"{BASE}{below}{slash}"), 404, "NotFoundError")


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/St_Johns"])
def test_times_are_utc_in_any_time_zone(client, clock, session_factory, settings, zone):
    settings.TIME_ZONE = zone
    session = session_factory()
    info = client.get(f"{BASE}/{session.pk}").json()
    assert info["createdAt"] == "2026-01-01T12:00:00.000Z"
    assert info["expiresAt"] == "2026-01-01T12:30:00.000Z"
