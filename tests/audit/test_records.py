"""Records: with the deed or not at all, never changed, deleted in one way."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, Error, connection, transaction
from django.db.models import Q
from django.test.utils import CaptureQueriesContext

from django_eliza_sessions.admin import audit as audit_admin
from django_eliza_sessions.models import AuditRecord
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import audit, lifecycle
from django_eliza_sessions.services.sweep import purge_sessions
from tests.admin.conftest import AUDIT, page_of
from tests.conftest import NOON

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
TABLE = AuditRecord._meta.db_table


def raw(sql):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.fixture
def entry(session):
    return AuditRecord.objects.get()


def test_what_is_rolled_back_leaves_none(session, entry):
    with transaction.atomic():
        lifecycle.end_session(principal=SYSTEM, session_id=session.pk)
        assert AuditRecord.objects.count() == 2
        transaction.set_rollback(True)
    assert AuditRecord.objects.get() == entry


def test_what_cannot_be_recorded_is_not_done(session, monkeypatch):
    def fail(*_args, **_kwargs):
        raise DatabaseError

    monkeypatch.setattr(audit, "insert_rows", fail)
    with pytest.raises(DatabaseError):
        lifecycle.end_session(principal=SYSTEM, session_id=session.pk)
    session.refresh_from_db()
    assert session.closed_at is None


class TestAppendOnly:
    def test_python_refuses(self, entry):
        entry.actor = "user:2"
        for change in (
            entry.save,
            entry.delete,
            AuditRecord.objects.all().delete,
            lambda: AuditRecord.objects.update(actor="user:2"),
            lambda: AuditRecord.objects.bulk_update([entry], ["actor"]),
        ):
            refused = pytest.raises(TypeError, match="Audit records cannot be")
            with refused, transaction.atomic():
                change()
        assert AuditRecord.objects.get().actor == "system"

    def test_the_database_refuses_changes(self, entry):
        with pytest.raises(Error, match="append-only"):
            raw(f"UPDATE {TABLE} SET actor = 'user:2'")
        assert AuditRecord.objects.get().actor == "system"

    @pytest.mark.postgresql
    def test_the_database_refuses_deletions(self, entry):
        with pytest.raises(Error, match="append-only"):
            raw(f"DELETE FROM {TABLE}")
        assert audit.delete_records(Q(pk=entry.pk)) == 1
        audit.record(audit.Action.SESSION_ENDED)
        # What one deletion meant does not hold for the next, in the same transaction.
        with pytest.raises(Error, match="append-only"):
            raw(f"DELETE FROM {TABLE}")

    def test_sessions_go_and_records_stay(self, session, entry):
        session.delete()
        assert AuditRecord.objects.get() == entry


class TestRetention:
    @pytest.mark.parametrize(("days", "kept"), [(None, 1), (2, 1), (1, 0)])
    def test_by_setting(self, clock, session, configure, days, kept):
        configure(AUDIT_RETENTION_DAYS=days)
        clock.shift(DAY + timedelta(seconds=1))
        purge_sessions()
        assert AuditRecord.objects.count() == kept

    def test_in_batches(self, session, monkeypatch):
        monkeypatch.setattr(audit, "BATCH", 2)
        audit.record_each(audit.Action.SESSION_ENDED, [session.pk] * 5)
        assert audit.delete_records(Q(action="session_ended")) == 5
        assert AuditRecord.objects.count() == 1


class TestAdmin:
    @pytest.fixture
    def shown(self, staff):
        client = staff("view_auditrecord")

        def show(**query):
            response = client.get(AUDIT, query)
            assert response.status_code == 200, query
            return list(response.context["cl"].result_list)

        return show

    @pytest.fixture
    def entries(self, clock, session_factory):
        one, two = session_factory(), session_factory()
        audit.record(audit.Action.SESSION_ENDED, session_id=one.pk, actor="user:7")
        audit.record(audit.Action.KEY_CREATED, key="<script>", scopes=["use"])
        return one, two

    def test_finds(self, shown, entries):
        one, two = entries
        assert len(shown()) == 4
        assert {r.session_id for r in shown(q=f" {one.pk} ")} == {one.pk}
        assert {r.session_id for r in shown(session_id=str(two.pk))} == {two.pk}
        assert [r.action for r in shown(q="user:7")] == ["session_ended"]
        assert [r.actor for r in shown(action="apikey_created")] == ["system"]
        assert len(shown(door="code")) == 4
        assert shown(door="http") == []
        assert len(shown(at__gte=NOON.isoformat())) == 4
        assert shown(q="no such thing") == []

    def test_shows_facts_as_text(self, staff, entries):
        html = staff("view_auditrecord").get(AUDIT).content.decode()
        assert "&lt;script&gt;" in html
        assert "<script>&quot;" not in html

    def test_is_linked_from_the_session(self, staff, session):
        link = f"{AUDIT}?session_id={session.pk}"
        may, may_not = staff("view_session", "view_auditrecord"), staff("view_session")
        assert link in may.get(page_of(session)).content.decode()
        assert link not in may_not.get(page_of(session)).content.decode()

    def test_edits_nothing(self, admin_client, entry):
        page = page_of(entry)
        assert admin_client.post(page, {"actor": "user:2"}).status_code == 403
        assert admin_client.post(f"{AUDIT}add/", {"actor": "user:2"}).status_code == 403
        delete = page.replace("change/", "delete/")
        assert admin_client.post(delete, {"post": "yes"}).status_code == 403
        assert AuditRecord.objects.get() == entry

    def test_counts_and_reads_no_more_than_it_shows(self, shown, entries, monkeypatch):
        monkeypatch.setattr(audit_admin, "MAX_COUNT", 3)
        monkeypatch.setattr(audit_admin.AuditRecordAdmin, "list_per_page", 2)
        with CaptureQueriesContext(connection) as queries:
            shown()
        asked = [query["sql"] for query in queries if TABLE in query["sql"]]
        assert len(asked) == 2
        assert all("LIMIT" in sql for sql in asked)
