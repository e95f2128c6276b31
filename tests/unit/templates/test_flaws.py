from __future__ import annotations

from weft.templates.flaws import Flaw, bad_template


def test_flaws_are_told_together_by_line() -> None:
    """T29: one error lists every flaw with path and line, in the order of the file."""
    error = bad_template("x.md", [Flaw("body", 9, "Late."), Flaw("version", 2, "Early.", "bad_version")])

    assert str(error).splitlines()[:3] == [
        "Template `x.md` has 2 problems:",
        "  - `version`, line 2: Early.",
        "  - `body`, line 9: Late.",
    ]
    assert error.facts["problems"][0] == {
        "path": "version",
        "line": 2,
        "message": "Early.",
        "code": "bad_version",
    }
    assert error.facts["line"] == 2
    assert error.exit_code == 2


def test_flaw_without_place_reads_well() -> None:
    """A flaw of the whole file names the file, and one without a name is about the prompt."""
    error = bad_template("", [Flaw("", 0, "Not text.")], hint="look.")

    assert str(error) == "The prompt has 1 problem:\n  - the file: Not text.\nhint: look."
