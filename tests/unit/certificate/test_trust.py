"""Allowed signers: what counts, when it counts, and what is refused."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st

from certify.certificate.keys import SigningKey
from certify.certificate.trust import MAX_BYTES, Trust, TrustedKey, allowed_signers_line, parse_allowed_signers
from certify.errors import InputError


def public(number):
    return SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)).public


A, B, C = public(1), public(2), public(3)
KEY = A.openssh()
RSA = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDQ"
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def five_hours_east(monkeypatch):
    """The system's time zone is UTC+5 (POSIX writes it with the other sign)."""
    monkeypatch.setenv("TZ", "EAST-5")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def parse(text):
    return parse_allowed_signers(text.encode())


@pytest.mark.parametrize(
    ("line", "principals"),
    [
        pytest.param(f"me {KEY}", "me", id="plain"),
        pytest.param(f"me@example.com {KEY} a comment of mine", "me@example.com", id="comment"),
        pytest.param(f"a@x.org,b@x.org {KEY}", "a@x.org,b@x.org", id="several principals"),
        pytest.param(f"*@x.org {KEY}", "*@x.org", id="pattern"),
        pytest.param(f'"some one" {KEY}', "some one", id="quoted principals"),
        pytest.param(f" \tme \t {KEY.replace(' ', chr(9))}\t\r", "me", id="tabs, spaces and a carriage return"),
        pytest.param(f"ssh-ed25519 {KEY}", "ssh-ed25519", id="somebody called like a type of key"),
        pytest.param(f"größe {KEY}", "größe", id="not ASCII"),
        pytest.param(f"Xena,X {KEY}", "Xena,X", id="names that begin and end in X"),
        pytest.param(f'me namespaces="certify" {KEY}', "me", id="namespace"),
        pytest.param(f'me NameSpaces="certify" {KEY}', "me", id="names of options in any case"),
        pytest.param(f'me namespaces="git,certify" {KEY}', "me", id="one of several namespaces"),
        pytest.param(f'me namespaces="cert*" {KEY}', "me", id="namespace pattern with a star"),
        pytest.param(f'me namespaces="c?rtif?" {KEY}', "me", id="namespace pattern with question marks"),
        pytest.param(f'me namespaces="*,!git" {KEY}', "me", id="negation of another namespace"),
        pytest.param(f'me namespaces="**c**y**" {KEY}', "me", id="runs of stars"),
        pytest.param(
            f'me valid-after="20250101Z",namespaces="certify",valid-before="20260101Z" {KEY}', "me", id="all options"
        ),
    ],
)
def test_trusted(line, principals):
    (trusted,) = parse(line).keys
    assert (trusted.principals, trusted.key) == (principals, A)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("\n\n \t\n", id="blank lines"),
        pytest.param(f"# me {KEY}\n  # {KEY}", id="comments"),
        pytest.param(f'me namespaces="git" {KEY}', id="another namespace"),
        pytest.param(f'me namespaces="" {KEY}', id="no namespace"),
        pytest.param(f'me namespaces="Certify,certify2,xcertify,cert" {KEY}', id="similar namespaces"),
        pytest.param(f'me namespaces="certify,!cert*" {KEY}', id="negated after"),
        pytest.param(f'me namespaces="!certify,*" {KEY}', id="negated before"),
        pytest.param(f'me namespaces="!git" {KEY}', id="negation alone matches nothing"),
        pytest.param(f'me namespaces="c.rtify,[c]ertify" {KEY}', id="no regular expressions"),
        pytest.param(f'me namespaces="git" {RSA}', id="another namespace, another type of key"),
        pytest.param(f'me namespaces="{"*c" * 2000}z" {KEY}', id="pattern made to be slow"),
    ],
)
def test_nothing_trusted(text):
    assert parse(text) == Trust(())


def good_and(line):
    """The line as the third of a file."""
    return f"# signers\nfirst {B.openssh()}\n{line}\nlast {C.openssh()}\n"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        pytest.param("me", "expected options or a type of key, found the end of the line", id="principals alone"),
        pytest.param(KEY, 'a name before the key, such as alice namespaces="certify"', id="line of a .pub file"),
        pytest.param(f"{KEY} me@example.org", "a line as in OpenSSH's .pub files", id="the same with a comment"),
        pytest.param("me ssh-ed25519", "expected a key in base64, found the end", id="no key"),
        pytest.param('me namespaces="certify"', "expected a type of key, found the end", id="options alone"),
        pytest.param(f'me namespaces="certify" {KEY.split()[1]}', "expected a key of type ssh-ed25519", id="no type"),
        pytest.param(f"me {KEY[:-4]}", "32 bytes", id="key cut off"),
        pytest.param(f"me {KEY}x", "expected base64", id="key too long"),
        pytest.param("me ssh-ed25519 AAAA", "expected the base64 of an Ed25519 key", id="no Ed25519 key"),
        pytest.param(f"me {RSA}", "type ssh-ed25519, found ssh-rsa", id="RSA"),
        pytest.param("me ecdsa-sha2-nistp256 AAAAE2VjZHN", "found ecdsa-sha2-nistp256", id="ECDSA"),
        pytest.param("me sk-ssh-ed25519@openssh.com AAAAGnNr", "found sk-ssh-ed25519@openssh.com", id="security key"),
        pytest.param("me ssh-ed25519-cert-v01@openssh.com AAAAIHNz", "found ssh-ed25519-cert-v01@", id="certificate"),
        pytest.param(f"me SSH-ED25519 {KEY.split()[1]}", "found SSH-ED25519", id="type in capitals"),
        pytest.param(f"me cert-authority {KEY}", "certificate authorities are not supported", id="authority"),
        pytest.param(f'me Cert-Authority,namespaces="certify" {KEY}', "not supported", id="authority in capitals"),
        pytest.param(f"me verify-required {KEY}", "found verify-required", id="unknown option"),
        pytest.param(f"me authority {KEY}", "found authority", id="unknown option early in the alphabet"),
        pytest.param(f'me command="x y" {KEY}', "found command", id="unknown option with value"),
        pytest.param(f'me namespaces="git",zz {KEY}', "found zz", id="unknown option in another namespace"),
        pytest.param(f"me namespaces=certify {KEY}", "expected options such as", id="value without quotes"),
        pytest.param(f"me namespaces {KEY}", "a value in double quotes for namespaces", id="no value"),
        pytest.param(f'me namespaces="certify {KEY}', "expected options or a type of key", id="quote not closed"),
        pytest.param(f'me namespaces="a\\",certify" {KEY}', "expected options", id="escaped quote"),
        pytest.param(f'me namespaces="certify", {KEY}', "expected options such as", id="comma at the end"),
        pytest.param(f'me ,namespaces="certify" {KEY}', "expected options such as", id="comma at the start"),
        pytest.param(f'me namespaces="certify"valid {KEY}', "expected options such as", id="no comma"),
        pytest.param(f'me namespaces="git",namespaces="certify" {KEY}', "namespaces once", id="option twice"),
        pytest.param(
            f'me valid-after="20250101",VALID-AFTER="20240101" {KEY}', "valid-after once", id="twice in other case"
        ),
        pytest.param(f'me valid-after="2025" {KEY}', "expected valid-after as YYYYMMDD", id="year alone"),
        pytest.param(f'me valid-after="2025-01-01" {KEY}', "expected valid-after as", id="dashes"),
        pytest.param(f'me valid-after="2025010112" {KEY}', "expected valid-after as", id="hour alone"),
        pytest.param(f'me valid-after="20250101z" {KEY}', "expected valid-after as", id="small z"),
        pytest.param(f'me valid-after="" {KEY}', "expected valid-after as", id="empty time"),
        pytest.param(f'me valid-after="٢٠٢٥٠١٠١" {KEY}', "expected valid-after as", id="other digits"),
        pytest.param(f'me valid-before="20250230Z" {KEY}', "valid-before to be a time that exists", id="day"),
        pytest.param(f'me valid-before="202501012460Z" {KEY}', "a time that exists", id="minute"),
        pytest.param(f'me valid-before="00000101" {KEY}', "a time that exists", id="year 0"),
        pytest.param(
            f'me valid-after="20250101Z",valid-before="20250101Z" {KEY}', "later than valid-after", id="empty span"
        ),
        pytest.param(
            f'me valid-after="20250102Z",valid-before="20250101Z" {KEY}', "later than valid-after", id="turned round"
        ),
        pytest.param(f"!me {KEY}", "without negation", id="negated principal"),
        pytest.param(f"a,!b {KEY}", "without negation", id="negated principal among others"),
        pytest.param(f'"" {KEY}', "printable", id="empty principals"),
        pytest.param(f"m\x1b[31me {KEY}", "printable", id="escape sequence"),
        pytest.param(f"\ufeffme {KEY}", "printable", id="byte order mark"),
        pytest.param(f'"me {KEY}', "expected principals, found", id="principals with an open quote"),
        pytest.param(f"again {B.openssh()}", "in line 2 too", id="key twice"),
        pytest.param(f'again valid-before="20300101" {B.openssh()}', "in line 2 too", id="key twice, other options"),
    ],
)
def test_refused(line, problem):
    with pytest.raises(InputError) as caught:
        parse(good_and(line))
    assert problem in caught.value.problem
    assert caught.value.place == "line 3"


@pytest.mark.parametrize(
    ("before", "line"),
    [
        pytest.param(b"", 1, id="first byte"),
        pytest.param(b"\n", 2, id="after an empty line"),
        pytest.param(b"# one\nab", 2, id="within the second line"),
    ],
)
def test_not_utf8(before, line):
    with pytest.raises(InputError, match="expected UTF-8, found byte 0xff") as caught:
        parse_allowed_signers(before + b"\xff\n" + KEY.encode())
    assert caught.value.place == f"line {line}"


def test_lines_end_with_newlines_only():
    """Other programs do not end a line at U+2028 or a form feed, so a comment goes on there."""
    assert parse(f"# comment\u2028me {KEY}\x0cme {KEY}\x85me {KEY}") == Trust(())


def test_one_key_in_two_namespaces():
    text = f'me namespaces="git" {KEY}\nme namespaces="certify" {KEY}'
    assert parse(text) == Trust.of_key("me", A)


def test_small_order_key_is_refused():
    neutral = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    with pytest.raises(InputError, match=r"line 1: .*small order"):
        parse(f"me {neutral}")


@given(st.binary(max_size=80) | st.text(max_size=80).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b'me namespaces="' * 5000)
@example(b'"a" ' * 5000)
@example(b"me " + b'a"b"' * 5000)
def test_any_bytes_give_trust_or_one_kind_of_error(data):
    try:
        trust = parse_allowed_signers(data)
    except InputError:
        return
    assert trust == Trust(())


def test_a_file_may_have_a_mebibyte():
    assert MAX_BYTES == 1_048_576


# Times.


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        pytest.param("20250102Z", datetime(2025, 1, 2, tzinfo=UTC), id="date"),
        pytest.param("202501020304Z", datetime(2025, 1, 2, 3, 4, tzinfo=UTC), id="minutes"),
        pytest.param("20250102030405Z", datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC), id="seconds"),
        pytest.param("20250102", datetime(2025, 1, 1, 19, tzinfo=UTC), id="date, local"),
        pytest.param("202501020304", datetime(2025, 1, 1, 22, 4, tzinfo=UTC), id="minutes, local"),
        pytest.param("20250102030405", datetime(2025, 1, 1, 22, 4, 5, tzinfo=UTC), id="seconds, local"),
    ],
)
@pytest.mark.usefixtures("five_hours_east")
def test_times(text, moment):
    (trusted,) = parse(f'me valid-after="{text}" {KEY}').keys
    assert (trusted.valid_after, trusted.valid_before) == (moment, None)
    (trusted,) = parse(f'me valid-before="{text}" {KEY}').keys
    assert (trusted.valid_after, trusted.valid_before) == (None, moment)


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [
        pytest.param(-1, "the key is valid only from 2026-01-01T00:00:00+00:00", id="before"),
        pytest.param(0, None, id="first moment"),
        pytest.param(1, None, id="within"),
        pytest.param(60, None, id="last moment"),
        pytest.param(61, "the key was valid only until 2026-01-01T00:01:00+00:00", id="after"),
    ],
)
def test_validity(seconds, reason):
    trust = parse(f'me valid-after="20260101Z",valid-before="202601010001Z" {KEY}\nother {B.openssh()}')
    limited, unlimited = trust.keys
    elsewhere = timezone(timedelta(hours=-8))
    for at in (NEW_YEAR + timedelta(seconds=seconds), (NEW_YEAR + timedelta(seconds=seconds)).astimezone(elsewhere)):
        assert limited.why_not_at(at) == reason
        assert trust.valid_at(at) == ((unlimited,) if reason else (limited, unlimited))


def test_moment_without_a_zone_is_a_defect():
    with pytest.raises(AssertionError):
        TrustedKey("me", A).why_not_at(datetime(2026, 1, 1))  # noqa: DTZ001 - the point of the test


# Trust as a value.


def test_find():
    trust = Trust((TrustedKey("a", A), TrustedKey("b", B)))
    assert trust.find(B.key_id) == TrustedKey("b", B)
    assert trust.find(C.key_id) is None


def test_one_key_twice_is_a_defect():
    with pytest.raises(AssertionError):
        Trust((TrustedKey("a", A), TrustedKey("b", A)))


def test_merge_keeps_what_the_first_says():
    expired = TrustedKey("a", A, valid_before=NEW_YEAR)
    first, second = Trust((expired,)), Trust((TrustedKey("b", B), TrustedKey("mine", A)))
    assert first.merge(second) == Trust((expired, TrustedKey("b", B)))
    assert second.merge(first) == second
    assert Trust(()).merge(first) == first


def test_written_lines_are_read():
    text = "\n".join([allowed_signers_line("me@example.com", A), allowed_signers_line("größeX", B)])
    assert parse(text) == Trust((TrustedKey("me@example.com", A), TrustedKey("größeX", B)))
    assert allowed_signers_line("me", A) == f'me namespaces="certify" {KEY}'


def test_own_line_with_an_end():
    until = datetime(2026, 1, 1, 2, 30, 15, 999, tzinfo=timezone(timedelta(hours=2)))
    line = allowed_signers_line("me", A, until)
    assert line == f'me namespaces="certify",valid-before="20260101003015Z" {KEY}'
    (trusted,) = parse(line).keys
    assert trusted == TrustedKey("me", A, valid_before=datetime(2026, 1, 1, 0, 30, 15, tzinfo=UTC))


@pytest.mark.parametrize(
    "principal", ["", "a b", "a\tb", "a\nb", '"a"', "#a", "!a", "a,b", "a*", "a?", "a\x00", "\u00a0"]
)
def test_principals_that_cannot_be_written(principal):
    with pytest.raises(InputError) as caught:
        allowed_signers_line(principal, A)
    assert caught.value.place == "principal"


@given(st.text(min_size=1, max_size=12))
def test_a_principal_that_is_written_is_read(principal):
    try:
        line = allowed_signers_line(principal, A)
    except InputError:
        return
    assert parse(line) == Trust.of_key(principal, A)
