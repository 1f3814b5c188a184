"""Every kind of hostile certificate is refused at a modest size too, in one line, as a file that breaks a rule."""

from __future__ import annotations

import json

import pytest
from benchmarks import hostile, measure
from program import trust_line

SIZE = 200_000


@pytest.mark.parametrize("kind", hostile.KINDS)
def test_it_is_refused(certify, kind):
    certify.write("hostile.json", hostile.KINDS[kind](SIZE))
    certify.write("trusted", trust_line(hostile.KEY))
    ran = certify("audit", "hostile.json", "--trust", "trusted", "--format", "json")
    assert (ran.code, ran.result["error"]["kind"]) in {(1, "certificate"), (2, "input")}
    assert ran.error.startswith("certify: hostile.json: ")
    assert len(ran.error) < 1000


def test_the_script(monkeypatch, tmp_path, capsys):
    result = {"error": {"place": "payload", "message": "expected less"}}
    run = measure.Run(json.dumps(result), 1, 0.5, 0.25, 100.0, 100.0, 0.0, 100.0)
    monkeypatch.setattr(measure, "run", lambda *_: run)
    arguments = ("--size", "1000", "--only", "quotes,masks", "--json", str(tmp_path / "o"))
    monkeypatch.setattr("sys.argv", ["hostile", *arguments])
    hostile.main()
    rows = json.loads((tmp_path / "o").read_text())["rows"]
    assert [(row["kind"], row["code"], row["cpu"], row["refusal"]) for row in rows] == [
        ("quotes", 1, 0.25, "payload: expected less"),
        ("masks", 1, 0.25, "payload: expected less"),
    ]
    assert "quotes" in capsys.readouterr().out
