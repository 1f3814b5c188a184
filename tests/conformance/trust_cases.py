"""Files of trusted keys: whom they trust, when, and lines that are not understood in full.

Times have a Z, so that no case depends on where it runs, and come with the moment at which keys are to be judged.
"""

from __future__ import annotations

from conformance import making
from conformance.case import PATTERNS, Case, accepted, bad_trust, needing, untrusted
from conformance.making import ALICE, BOB, CAROL, envelope, signature, signed

KEY, BOBS, CAROLS = (key.public.openssh() for key in (ALICE, BOB, CAROL))
CERTIFY = 'namespaces="certify"'
NOON = ("--at", "2026-11-22T12:00:00Z")


def cases() -> list[Case]:
    """Return them all."""
    return [*_trusting(), *_by_pattern(), *_at_a_time(), *_not_trusting(), *_not_understood()]


def _file(*lines: str, end: str = "\n") -> bytes:
    return "".join(line + end for line in lines).encode()


def _trusting() -> list[Case]:
    data = signed(making.small_payload())
    files = {
        "of_a_bare_key": ("a line without options trusts a key for everything.", _file(f"alice {KEY}")),
        "with_comments": (
            "comments and empty lines are passed over, and what follows a key is a comment.",
            _file("# friends", "", "   ", f"alice {CERTIFY} {KEY} alice's laptop", "  # and nobody else"),
        ),
        "of_several_keys": (
            "any of the keys will do.",
            _file(f"bob {BOBS}", f"carol {CAROLS}", f"alice {KEY}"),
        ),
        "with_windows_line_ends": ("a line may end as on Windows.", _file(f"alice {KEY}", end="\r\n")),
        "without_a_line_end": ("the last line need not end.", f"alice {KEY}".encode()),
        "with_tabs": ("fields may be apart by tabs.", _file(f"alice\t{CERTIFY}\t{KEY.replace(' ', chr(9))}")),
        "of_several_namespaces": ("certify is one of them.", _file(f'alice namespaces="git,certify" {KEY}')),
        "with_an_option_in_capitals": ("names of options have no case.", _file(f'alice NAMESPACES="certify" {KEY}')),
        "of_principals_in_quotes": ("principals may be in quotes.", _file(f'"alice,alice@example.org" {KEY}')),
        "of_principals_unicode": ("principals may be any printable text.", _file(f"алиса@example.org {KEY}")),
        "with_other_keys_for_git": (
            "lines for other namespaces are about something else, whatever their keys are.",
            _file('bob namespaces="git" ssh-rsa AAAA', f"alice {CERTIFY} {KEY}"),
        ),
    }
    return [accepted(f"trust_{name}", why, data, trust) for name, (why, trust) in files.items()]


def _by_pattern() -> list[Case]:
    """Namespaces are patterns, as in ssh_config(5)."""
    data = signed(making.small_payload())
    good = {
        "of_all_namespaces": ("* is any namespace.", "*"),
        "of_namespaces_by_pattern": ("? is any character, * are any.", "c?rt*"),
        "of_namespaces_but_one": ("a negated pattern excludes git alone.", "*,!git"),
    }
    bad = {
        "for_all_but_certify": ("certify is excluded by name.", "*,!certify"),
        "for_a_longer_namespace": ("certify is not certify@example.org.", "certify?*"),
    }
    made = [
        make(f"trust_{name}", why, data, _file(f'alice namespaces="{patterns}" {KEY}'))
        for make, files in ((accepted, good), (untrusted, bad))
        for name, (why, patterns) in files.items()
    ]
    return needing(made, PATTERNS)


def _at_a_time() -> list[Case]:
    data = signed(making.small_payload())
    both = envelope(making.small_payload(), [signature(making.small_payload(), key) for key in (ALICE, BOB)])
    good = {
        "valid_then": ("the key is valid at that time.", 'valid-after="20260101Z",valid-before="20270101Z"'),
        "valid_from_that_second": ("the first moment counts.", 'valid-after="20261122120000Z"'),
        "valid_to_that_second": ("the last moment counts.", 'valid-before="20261122120000Z"'),
        "valid_and_for_certify": ("options go together.", f'valid-before="202612010000Z",{CERTIFY}'),
    }
    bad = {
        "expired": ("the key had expired.", 'valid-before="20261122Z"'),
        "expired_by_a_second": ("the key had expired, a second before.", 'valid-before="20261122115959Z"'),
        "not_yet_valid": ("the key was not valid yet.", 'valid-after="20261123Z"'),
        "not_yet_valid_by_a_second": ("the key was not valid for another second.", 'valid-after="20261122120001Z"'),
    }
    return [
        *(
            accepted(f"trust_{name}", why, data, _file(f"alice {options} {KEY}"), *NOON)
            for name, (why, options) in good.items()
        ),
        *(
            untrusted(f"trust_{name}", why, data, _file(f"alice {options} {KEY}"), *NOON)
            for name, (why, options) in bad.items()
        ),
        accepted(
            "trust_expired_and_valid",
            "two trusted keys signed: one had expired, and the other had not.",
            both,
            _file(f'alice valid-before="20200101Z" {KEY}', f"bob {BOBS}"),
            *NOON,
        ),
    ]


def _not_trusting() -> list[Case]:
    data = signed(making.small_payload())
    files = {
        "empty": ("the file trusts nobody.", b""),
        "of_comments": ("the file trusts nobody.", _file(f"# alice {KEY}")),
        "of_others": ("the file trusts somebody else.", _file(f"bob {BOBS}")),
        "for_git": ("the key is trusted for git, not for certify.", _file(f'alice namespaces="git" {KEY}')),
        "for_a_namespace_in_capitals": ("namespaces have case.", _file(f'alice namespaces="CERTIFY" {KEY}')),
    }
    return [untrusted(f"trust_{name}", why, data, trust) for name, (why, trust) in files.items()]


def _not_understood() -> list[Case]:
    data = signed(making.small_payload())
    kind, key = KEY.split(" ")
    lines = {
        "cert_authority": ("a certificate authority is no key here", f"alice cert-authority {KEY}"),
        "unknown_option": ("an unknown option could be a restriction", f"alice verify-required {KEY}"),
        "unknown_option_with_a_value": ("an unknown option could be a restriction", f'alice max-uses="1" {KEY}'),
        "option_twice": ("which of the two would count?", f'alice {CERTIFY},namespaces="git" {KEY}'),
        "option_without_quotes": ("values are in double quotes", f"alice namespaces=certify {KEY}"),
        "option_with_a_space": ("options are one field", f'alice {CERTIFY}, valid-before="20300101Z" {KEY}'),
        "principal_negated": ("whoever is meant is not said", f"!alice {KEY}"),
        "principal_missing": ("a line begins with whose key it is", KEY),
        "quote_open": ("a quote that does not end", f'alice namespaces="certify {KEY}'),
        "key_missing": ("there is no key", f"alice {kind}"),
        "time_that_does_not_exist": ("there is no 30 February", f'alice valid-before="20250230Z" {KEY}'),
        "time_in_another_form": ("OpenSSH writes times otherwise", f'alice valid-before="2026-11-22" {KEY}'),
        "time_never": (
            "the key ends before it begins",
            f'alice valid-after="20270101Z",valid-before="20260101Z" {KEY}',
        ),
        "key_rsa": ("RSA is no key of certify", "alice ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAwEAAQ=="),
        "key_on_a_token": ("a token signs something else", f"alice sk-ssh-ed25519@openssh.com {key}"),
        "key_type_in_capitals": ("types of keys are compared byte by byte", f"alice {kind.upper()} {key}"),
        "key_base64_without_its_end": ("the key's base64 is cut short", f"alice {kind} {key[:-4]}"),
        "key_base64_padded": ("the key's base64 has padding that is not needed", f"alice {kind} {key}===="),
        "key_of_another_kind_inside": (
            "the bytes say that they are another kind of key",
            f"alice {kind} {making.b64(making.base64_of(key).replace(b'ed25519', b'ed25518'))}",
        ),
    }
    return [
        *(
            bad_trust(
                f"trust_{name}",
                f"{why}: a line that is not understood trusts more than it says.",
                data,
                _file(line),
                1,
            )
            for name, (why, line) in lines.items()
        ),
        bad_trust(
            "trust_key_twice",
            "one key in two lines, which may say different things.",
            data,
            _file(f"a {KEY}", f"b {KEY}"),
            2,
        ),
        bad_trust(
            "trust_key_twice_with_a_limit",
            "one key with a limit and without: the limit would not count.",
            data,
            _file(f'a valid-before="20200101Z" {KEY}', f"a {KEY}"),
            2,
        ),
        bad_trust("trust_not_utf_8", "bytes that are no text.", data, _file("# ok") + b"\xff " + KEY.encode(), 2),
        bad_trust(
            "trust_with_a_byte_order_mark",
            "a byte order mark would be part of a principal.",
            data,
            b"\xef\xbb\xbf" + _file(f"a {KEY}"),
            1,
        ),
        bad_trust(
            "trust_with_a_bad_last_line",
            "the trusted key is in line 1, and line 2 is not understood.",
            data,
            _file(f"a {KEY}", "b"),
            2,
        ),
    ]
