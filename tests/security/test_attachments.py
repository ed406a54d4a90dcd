"""Addresses that clients send are kept and shown, and never asked by the server."""

import json

import pytest

from tests.admin.conftest import page_of

KINDS = ("image", "file", "audio", "video", "document")


@pytest.mark.django_db
def test_are_never_fetched(api, staff, session, receiver):
    attachments = [{"type": kind, "url": f"{receiver.url}&{kind}"} for kind in KINDS]
    body = {"content": receiver.url, "transport": "http", "attachments": attachments}
    assert api.post(f"/{session.pk}/messages", body).status_code == 201

    page = staff("view_session").get(page_of(session)).content.decode()
    history = json.dumps(api.get(f"/{session.pk}/messages").json())

    for kind in KINDS:
        assert f"{receiver.url}&amp;{kind}" in page
        assert f"{receiver.url}&{kind}" in history
    assert receiver.requests == []
    # Nor by the operator's browser, before it is told to.
    assert "<img" not in page.partition('id="eliza-transcript"')[2]
