"""Pairs of networks that are what they are said to be, and a base network with a ticket in it, for statements."""

from __future__ import annotations

import copy
import json
from functools import cache

from program import TINY, changed, target_bytes
from random_bases import random_base

from certify.base.claimed import BaseFiles, read_base
from certify.certificate.equivalence import Equivalence, NamedFile
from certify.certificate.signatures import sign
from certify.issue import decide, issue_in
from certify.network.arrays.file import File
from certify.network.compare import common_box
from certify.network.reader import read_box, read_network
from certify.network.target import read_target
from certify.network.writer import write_network
from certify.proof.claim import EQUAL, Relation


def permuted():
    """TINY with its hidden units in the other order."""
    document = copy.deepcopy(TINY)
    first, second = document["layers"]
    first["weights"], first["bias"] = first["weights"][::-1], first["bias"][::-1]
    second["weights"] = [row[::-1] for row in second["weights"]]
    return document


OTHER = changed("layers", 1, "weights", 0, 0, to=2)
"""TINY with one weight changed; outputs differ by at most FAR, on the scale of 2^-4."""
FAR = 3
WIDER = changed("input", to={"shape": [2], "low": [-1, -3], "high": 9, "precision_bits": 2})
"""TINY on another box, which shares the points from (-1, -2) to (2, 2) with TINY's."""
SMALL = {"shape": [2], "low": [0, -1], "high": 1, "precision_bits": 2}
WITHIN = Relation("within", FAR + 1)


def file(name, document):
    return NamedFile(name, read_target(target_bytes(document)))


def equivalence(right, relation=EQUAL, domain=None, name="other.json"):
    """The claim that TINY is what a document is, on their common box."""
    left, other = file("tiny.json", TINY), file(name, right)
    box = common_box(left.network, other.network, None if domain is None else read_box(json.dumps(domain).encode()))
    return Equivalence(left, other, relation, box)


@cache
def base_bytes():
    """A random network that TINY can be pruned from."""
    target = read_network(target_bytes())
    return write_network(random_base(target, [140, 120], [(2, 2), (2, 2)], [(1, 2), ()]))


@cache
def found():
    """TINY's ticket in that network, proved."""
    source = BaseFiles((File("base.json", base_bytes()),))
    target = read_target(target_bytes())
    return issue_in("tiny.json", target, source, read_base(source, target.network))


CLAIMS = {
    "equal": lambda: equivalence(permuted()),
    "within": lambda: equivalence(OTHER, WITHIN),
    "argmax": lambda: equivalence(permuted(), Relation("argmax")),
    "part": lambda: equivalence(WIDER),
    "domain": lambda: equivalence(permuted(), EQUAL, SMALL),
}


@cache
def proved(name):
    """One of the claims, proved; `pruned` is the ticket in a base network."""
    return found() if name == "pruned" else decide(CLAIMS[name]())


def statement(name):
    """Its payload, parsed: to be changed."""
    return json.loads(proved(name).payload)


def certificate(name, key):
    return sign(proved(name).payload, key)
