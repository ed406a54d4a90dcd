"""What a client may send; anything allowed comes back exactly as it was sent."""

import json
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_eliza_sessions.attachments import check_attachments
from django_eliza_sessions.content import (
    WHITE_SPACE,
    check_content,
    check_metadata,
    decode_json,
    parse_uuid,
    storable,
)
from django_eliza_sessions.exceptions import (
    InvalidContentError,
    InvalidMetadataError,
    InvalidRequestError,
    InvalidUuidError,
    MissingFieldsError,
)
from django_eliza_sessions.models import Session

CANONICAL = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
IMAGE = {"type": "image", "url": "https://example.com/cat.png"}


class TestDecodeJson:
    @pytest.mark.parametrize(
        ("body", "value"),
        [
            pytest.param(b"{}", {}, id="object"),
            pytest.param(
                b'{"a": [1, 2.5, null, true]}', {"a": [1, 2.5, None, True]}, id="all"
            ),
            pytest.param('"é😀"'.encode(), "é😀", id="utf-8"),
            pytest.param(b"-0.0", -0.0, id="negative-zero"),
            pytest.param(b"[" * 32 + b"]" * 32, None, id="deepest"),
        ],
    )
    def test_accepts(self, body, value):
        assert decode_json(body) == (value if value is not None else json.loads(body))

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"", id="empty"),
            pytest.param(b"{", id="unfinished"),
            pytest.param(b"{'a': 1}", id="single-quotes"),
            pytest.param(b'{"a": NaN}', id="nan"),
            pytest.param(b'{"a": -Infinity}', id="infinity"),
            pytest.param(b'{"a": 1e400}', id="number-no-double-holds"),
            pytest.param(b"1" * 5000, id="number-of-5000-digits"),
            pytest.param(b"\xff", id="not-utf-8"),
            pytest.param(b"\xef\xbb\xbf{}", id="byte-order-mark"),
            pytest.param(b'"\xed\xa0\x80"', id="surrogate-in-utf-8"),
            pytest.param(b"[" * 33 + b"]" * 33, id="a-level-too-deep"),
            pytest.param(b'{"a":' * 33 + b"1" + b"}" * 33, id="objects-too-deep"),
            pytest.param(b"[" * 100_000, id="far-too-deep"),
        ],
    )
    def test_refuses(self, body):
        with pytest.raises(InvalidRequestError, match=r"^body must"):
            decode_json(body)


class TestParseUuid:
    @pytest.mark.parametrize(
        "text",
        [
            pytest.param(CANONICAL, id="lower"),
            pytest.param(CANONICAL.upper(), id="upper"),
            pytest.param("00000000-0000-0000-0000-000000000000", id="nil"),
            pytest.param("ffffffff-ffff-ffff-ffff-ffffffffffff", id="any-version"),
        ],
    )
    def test_accepts(self, text):
        assert parse_uuid(text, "user_id") == uuid.UUID(text)

    @pytest.mark.parametrize(
        "value",
        [
            pytest.param("", id="empty"),
            pytest.param(CANONICAL.replace("-", ""), id="no-hyphens"),
            pytest.param(f"{{{CANONICAL}}}", id="braces"),
            pytest.param(f"urn:uuid:{CANONICAL}", id="urn"),
            pytest.param(f"{CANONICAL}\n", id="line-end"),
            pytest.param(f" {CANONICAL}", id="space"),
            pytest.param(CANONICAL.replace("0", "\u0660"), id="foreign-digits"),
            pytest.param(CANONICAL[:-1] + "g", id="no-hexadecimal"),
            pytest.param(7, id="number"),
            pytest.param({}, id="object"),
        ],
    )
    def test_refuses(self, value):
        with pytest.raises(InvalidUuidError, match=r"^user_id must be a UUID") as raised:
            parse_uuid(value, "user_id")
        assert raised.value.context == {"field": "user_id"}

    def test_misses(self):
        with pytest.raises(MissingFieldsError, match=r"^user_id is required$"):
            parse_uuid(None, "user_id")


class TestCheckContent:
    @pytest.mark.parametrize(
        "content",
        [
            pytest.param("x", id="shortest"),
            pytest.param("x" * 4000, id="longest"),
            pytest.param("😀" * 4000, id="counts-code-points"),
            pytest.param("  kept as it is \n", id="white-space-around"),
            pytest.param("\x1c", id="separators-are-no-white-space"),
            pytest.param("\u200b", id="zero-width-space-is-no-white-space"),
        ],
    )
    def test_accepts_unaltered(self, content):
        assert check_content(content) == content

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            pytest.param(None, "must be a string, got null", id="null"),
            pytest.param(7, "must be a string, got 7", id="number"),
            pytest.param("", "must not be empty", id="empty"),
            pytest.param(WHITE_SPACE, "only white space", id="white-space"),
            pytest.param("x" * 4001, "at most 4000 characters, got 4001", id="too-long"),
            pytest.param("a\x00b", "must not contain NUL", id="nul"),
            pytest.param("a\ud800b", "lone surrogates", id="lone-surrogate"),
        ],
    )
    def test_refuses(self, content, problem):
        with pytest.raises(InvalidContentError, match=problem) as raised:
            check_content(content)
        assert raised.value.field == "content"


def test_storable_marks_what_cannot_be_stored():
    assert (
        storable("é\x00😀\ud800.")
        == "é\N{REPLACEMENT CHARACTER}😀\N{REPLACEMENT CHARACTER}."
    )


def bottomless():
    value = []
    for _ in range(100_000):
        value = [value]
    return value


def metadata_of(size):
    """Return metadata of exactly this many bytes as compact JSON."""
    return {"a": "x" * (size - len('{"a":""}'))}


class TestCheckMetadata:
    def test_null_is_empty(self):
        assert check_metadata(None) == {}

    @pytest.mark.parametrize(
        "metadata",
        [
            pytest.param({}, id="empty"),
            pytest.param(metadata_of(10_240), id="largest"),
            pytest.param({"a": "é" * 5116}, id="largest-in-two-byte-characters"),
            pytest.param({"renewalCount": -1, "sessionId": None}, id="our-keys"),
        ],
    )
    def test_accepts_unaltered(self, metadata):
        assert check_metadata(metadata) is metadata

    @pytest.mark.parametrize(
        ("metadata", "problem"),
        [
            pytest.param([], r"must be an object, got \[\]", id="list"),
            pytest.param("{}", "must be an object", id="string"),
            pytest.param(0, "must be an object, got 0", id="zero"),
            pytest.param(False, "must be an object, got false", id="false"),
            pytest.param(metadata_of(10_241), "at most 10240 bytes.*got 10241", id="large"),
            pytest.param({"a": "é" * 5117}, "at most 10240 bytes", id="large-in-utf-8"),
            pytest.param({"a": ["\x00"]}, "must not contain NUL", id="nul-in-a-list"),
            pytest.param({"a": {"\x00": 1}}, "must not contain NUL", id="nul-in-a-key"),
            pytest.param({"a": "\udfff"}, "lone surrogates", id="lone-surrogate"),
            pytest.param({"a": float("inf")}, "must be JSON", id="infinity"),
            pytest.param({"a": float("nan")}, "must be JSON", id="nan"),
            pytest.param({"a": object()}, "must be JSON", id="not-json"),
            pytest.param({"a": bottomless()}, "must be JSON", id="bottomless"),
        ],
    )
    def test_refuses(self, metadata, problem):
        with pytest.raises(InvalidMetadataError, match=problem) as raised:
            check_metadata(metadata)
        assert raised.value.field == "metadata"


class TestCheckAttachments:
    def test_null_is_empty(self):
        assert check_attachments(None) == []

    @pytest.mark.parametrize(
        "attachment",
        [
            pytest.param(IMAGE, id="shortest"),
            pytest.param(
                IMAGE | {"name": "cat", "size": 0, "mimeType": "image/png"}, id="all-keys"
            ),
            *(
                pytest.param(IMAGE | {"type": kind}, id=kind)
                for kind in ("image", "file", "audio", "video", "document")
            ),
            pytest.param(IMAGE | {"url": "http://[::1]:8000/a?b#c"}, id="http-and-ipv6"),
            pytest.param(IMAGE | {"url": "HTTPS://EXAMPLE.COM"}, id="upper-case-scheme"),
            pytest.param(
                IMAGE | {"url": "https://a.b/".ljust(2048, "x")}, id="longest-address"
            ),
        ],
    )
    def test_accepts_unaltered(self, attachment):
        assert check_attachments([attachment]) == [attachment]

    def test_accepts_ten(self):
        assert check_attachments([IMAGE] * 10) == [IMAGE] * 10

    def test_leaves_out_unknown_and_null_keys(self):
        given = IMAGE | {"name": None, "colour": "red"}

        assert check_attachments([given]) == [IMAGE]

    @pytest.mark.parametrize(
        ("attachments", "field", "problem"),
        [
            pytest.param({}, "attachments", "must be a list", id="object"),
            pytest.param([IMAGE] * 11, "attachments", "at most 10 items, got 11", id="11"),
            pytest.param(["a.png"], "attachments.0", "must be an object", id="string"),
            pytest.param([IMAGE, {}], "attachments.1.type", "got null", id="no-type"),
            pytest.param([{"type": "image"}], "attachments.0.url", "got null", id="no-url"),
            *(
                pytest.param(
                    [IMAGE | {key: value}], f"attachments.0.{key}", problem, id=name
                )
                for name, key, value, problem in [
                    ("unknown-type", "type", "gif", "must be one of image, file"),
                    ("type-of-another-type", "type", ["image"], "must be one of"),
                    ("relative", "url", "/a.png", "must be an http or https address"),
                    ("script", "url", "javascript:alert(1)", "http or https"),
                    ("no-host", "url", "https:///a.png", "http or https"),
                    ("bad-ipv6", "url", "https://[::1", "http or https"),
                    ("space", "url", "https://a.b/c d", "http or https"),
                    ("line-end", "url", "https://a.b/\n", "http or https"),
                    ("long", "url", "https://a.b/".ljust(2049, "x"), "at most 2048"),
                    ("url-number", "url", 7, "http or https"),
                    ("url-surrogate", "url", "https://a.b/\ud800", "lone surrogates"),
                    ("name-number", "name", 7, "must be a string"),
                    ("name-nul", "name", "\x00", "must not contain NUL"),
                    ("size-negative", "size", -1, "whole number of bytes"),
                    ("size-true", "size", True, "whole number of bytes"),
                    ("size-text", "size", "1", "whole number of bytes"),
                    ("mime-list", "mimeType", [], "must be a string"),
                ]
            ),
        ],
    )
    def test_refuses(self, attachments, field, problem):
        with pytest.raises(InvalidContentError, match=problem) as raised:
            check_attachments(attachments)
        assert raised.value.field == field


texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**20, 10**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda children: st.lists(children) | st.dictionaries(texts, children),
    max_leaves=20,
)


@pytest.mark.django_db
class TestStorage:
    @pytest.mark.parametrize(
        "metadata",
        [
            pytest.param({"b": 1, "a": 2, "B": 3}, id="key-order"),
            pytest.param({"n": [10**60, -(10**60), 2**53 + 1]}, id="big-integers"),
            pytest.param({"n": [1e308, 5e-324, 0.1, 1e20, 1.0]}, id="doubles"),
            pytest.param({"n": -0.0}, id="negative-zero"),
            pytest.param({"é": '😀\u2028\\u0000 " \x7f\x01'}, id="characters"),
            pytest.param({"": {"": [[], {}, None, True]}}, id="empty-and-nested"),
        ],
    )
    def test_metadata_comes_back_as_sent(self, session_factory, metadata):
        self.check_round_trip(session_factory(metadata=metadata), metadata)

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(metadata=st.dictionaries(texts, json_values))
    def test_any_metadata_comes_back_as_sent(self, session, metadata):
        Session.objects.filter(pk=session.pk).update(metadata=check_metadata(metadata))
        self.check_round_trip(session, metadata)

    def check_round_trip(self, session, metadata):
        session.refresh_from_db()
        # As text, because 1 == 1.0 == True, 0.0 == -0.0, and dicts forget their order.
        assert json.dumps(session.metadata) == json.dumps(metadata)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        pytest.param(b"\xff", "must be UTF-8", id="encoding"),
        pytest.param(b"\xef\xbb\xbf{}", "byte order|BOM", id="byte order mark"),
        pytest.param(b"[" * 100_000, "deeper than 32 levels", id="endless depth"),
        pytest.param(b'{"a": ' + b"9" * 1001 + b"}", "more than 1000 digits", id="digits"),
        pytest.param(b'{"a": 1, "a": 2}', "repeats a name", id="repeated name"),
        pytest.param(b'{"a": }', "line 1 column 7", id="syntax"),
    ],
)
def test_decode_json_says_what_is_wrong_in_its_own_words(body, problem):
    with pytest.raises(InvalidRequestError, match=problem) as caught:
        decode_json(body)
    assert "sys." not in str(caught.value)
