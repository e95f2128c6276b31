import json
from random import Random

import pytest

from weft.call import Finish, PackRow, Part, Reply, Usage
from weft.engine.packing import label_rows
from weft.engine.unpacking import unpack_reply
from weft.ids import RowKey


def pack_of(count):
    rows = [PackRow(i, 0, RowKey(b"%d" % i), {"body": f"row {i}"}, Part("{}", 1)) for i in range(count)]
    return label_rows(rows, Random(5))


def good(label, place):
    return {"id": label, "tldr": f"row {place}", "kind": "bug"}


def reply(rows, *, finish=Finish.STOP):
    text = rows if isinstance(rows, str) else json.dumps({"rows": rows})
    return Reply(text=text, usage=Usage(), finish=finish)


@pytest.mark.parametrize("count", [1, 2, 3, 8, 20, 50])
def test_shuffled_answers_find_their_rows(prompter, count):
    """F24, B05, I2: answers are matched by label only, whatever their order."""
    pack = pack_of(count)
    rows = [good(label, place) for place, label in enumerate(pack.labels)]
    Random(1).shuffle(rows)

    unpacked = unpack_reply(reply(rows), pack, prompter)

    assert [checked.values["tldr"] for _, checked in unpacked.answers] == [f"row {i}" for i in range(count)]
    assert unpacked.unanswered == ()


@pytest.mark.parametrize("count", [2, 3, 8, 20, 50])
def test_missing_rows_are_named_and_the_others_kept(prompter, count):
    """F21, B07, B08, B17: a row that the reply leaves out is unanswered, its neighbours are not."""
    pack = pack_of(count)
    rows = [good(label, place) for place, label in enumerate(pack.labels)]
    del rows[1]

    unpacked = unpack_reply(reply(rows), pack, prompter)

    assert [(one.row.place, one.code) for one in unpacked.unanswered] == [(1, "missing_labels")]
    assert len(unpacked.answers) == count - 1


def test_a_doubled_row_is_not_trusted(prompter):
    """F22: a row that is answered twice is asked again; with the set of labels intact the others stay."""
    pack = pack_of(3)
    rows = [good(label, place) for place, label in enumerate(pack.labels)]

    unpacked = unpack_reply(reply([*rows, rows[0]]), pack, prompter)

    assert [(one.row.place, one.code) for one in unpacked.unanswered] == [(0, "duplicate_labels")]
    assert [row.place for row, _ in unpacked.answers] == [1, 2]


def test_a_doubled_row_beside_a_missing_one_spoils_the_pack(prompter):
    """F22: when one row is answered twice and another not at all, nothing of the reply is trusted."""
    pack = pack_of(3)
    rows = [good(label, place) for place, label in enumerate(pack.labels)]

    unpacked = unpack_reply(reply([rows[0], rows[0], rows[1]]), pack, prompter)

    assert unpacked.answers == ()
    assert {one.code for one in unpacked.unanswered} == {"duplicate_labels"}


def test_strangers_are_dropped_and_counted(prompter):
    """F23: answers for rows that were not asked about are ignored and mentioned."""
    pack = pack_of(2)
    rows = [good(label, place) for place, label in enumerate(pack.labels)]

    unpacked = unpack_reply(reply([*rows, good("zzzzzz", 9), "no row"]), pack, prompter)

    assert len(unpacked.answers) == 2
    assert "2 answers for rows that were not asked about" in unpacked.problem


def test_the_reply_to_another_request_answers_nobody(prompter):
    """F33: labels of another request match no row."""
    pack = pack_of(3)

    unpacked = unpack_reply(reply([good(f"other{i}", i) for i in range(3)]), pack, prompter)

    assert unpacked.answers == ()
    assert len(unpacked.unanswered) == 3


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "complaint"}, "kind"),
        ({"tldr": " ".join(["word"] * 13)}, "12"),
        ({"tldr": None}, "tldr"),
        ({"tldr": ["a"]}, "tldr"),
        ({"extra": 1}, "extra"),
        ({"tldr": "nul \x00"}, "tldr"),
    ],
    ids=["option", "words", "null", "type", "extra field", "unstorable"],
)
def test_an_unfit_answer_goes_back_with_its_complaint(prompter, change, says):
    """F26, F20, B09, B10, P32: an answer outside the schema is unanswered, and the complaint names the field."""
    pack = pack_of(2)
    rows = [good(label, place) for place, label in enumerate(pack.labels)]
    rows[0].update(change)

    unpacked = unpack_reply(reply(rows), pack, prompter)

    assert [one.row.place for one in unpacked.unanswered] == [0]
    assert says in unpacked.unanswered[0].complaint


def test_exact_coercions_are_recorded(prompter):
    """F26: an option in other letters is read as the option, and a note says so."""
    pack = pack_of(1)

    unpacked = unpack_reply(reply([{**good(pack.labels[0], 0), "kind": "BUG"}]), pack, prompter)

    assert unpacked.answers[0][1].values["kind"] == "bug"
    assert unpacked.answers[0][1].notes


def test_a_cut_reply_keeps_whole_answers(prompter):
    """F16, F28: of a reply that ends too early, whole answers before the last are kept."""
    pack = pack_of(4)
    text = json.dumps({"rows": [good(label, place) for place, label in enumerate(pack.labels)]})

    unpacked = unpack_reply(reply(text[: text.index("row 3")], finish=Finish.LENGTH), pack, prompter)

    assert [row.place for row, _ in unpacked.answers] == [0, 1, 2]
    assert [(one.row.place, one.code) for one in unpacked.unanswered] == [(3, "truncated")]


@pytest.mark.parametrize("finish", [Finish.OTHER, Finish.STOP], ids=["not said", "said to be whole"])
def test_an_answer_counts_by_what_it_holds(prompter, finish):
    """P33: a reply that does not say how it ended is taken for no success: what is missing is unanswered."""
    pack = pack_of(3)
    rows = [good(label, place) for place, label in enumerate(pack.labels)]
    del rows[1]["kind"]

    unpacked = unpack_reply(reply(rows[:2], finish=finish), pack, prompter)

    assert [row.place for row, _ in unpacked.answers] == [0]
    assert [one.row.place for one in unpacked.unanswered] == [1, 2]


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda rows: {"result": {"rows": rows}},
        lambda rows: {"rows": {"rows": rows}},
        lambda rows: {"rows": rows, "answers": rows},
        lambda rows: {"rows": [{"answer": row} for row in rows]},
        lambda rows: {"rows": [[row] for row in rows]},
        lambda rows: {"rows": [{"id": row["id"], "answer": row} for row in rows]},
    ],
    ids=["deeper", "twice", "beside", "in each", "in lists", "under a label"],
)
def test_only_the_declared_place_is_read(prompter, wrapped):
    """P34: answers that lie elsewhere in a reply are not searched for."""
    pack = pack_of(2)
    rows = [good(label, place) for place, label in enumerate(pack.labels)]

    unpacked = unpack_reply(reply(json.dumps(wrapped(rows))), pack, prompter)

    assert unpacked.answers == ()
    assert len(unpacked.unanswered) == 2


def test_an_object_that_is_no_list_is_refused(prompter):
    """B06: a reply in another shape answers nobody."""
    unpacked = unpack_reply(reply('{"tldr": "one", "kind": "bug"}'), pack_of(1), prompter)

    assert [one.code for one in unpacked.unanswered] == ["wrong_shape"]
