from __future__ import annotations

import pytest

from weft.variants.hearing import Heard, hear
from weft.variants.variant import Domain
from weft.variants.vocabulary import own_vocabulary


def heard(text: str) -> Heard:
    """Listen with weft's own vocabulary."""
    return hear(text, own_vocabulary())


def strength(text: str, domain: Domain) -> float:
    """How strongly a text speaks for a concern."""
    return sum(hit.mark.strength * hit.factor for hit in heard(text).hits if hit.mark.domain is domain)


@pytest.mark.parametrize(
    "word",
    [
        "html", "xml", "yaml", "feedback", "debus", "rapid", "restore", "restart", "capital", "prevention", "estate",
        "timestep", "therapist", "dashboarding", "embarrassment", "interest", "forest", "arrest", "apiary", "vertebrae",
        "kafkaesque", "sqlful", "email", "mlem", "windowless", "tablet", "rowan", "crowd", "streamline", "stepmother",
    ],
)  # fmt: skip
def test_nothing_is_found_inside_a_word(word: str) -> None:
    """P46: words that only hold the letters of a concern speak for none."""
    for text in (word, f"It handles {word} and {word}s."):
        assert [hit for hit in heard(text).hits if hit.mark.domain] == []


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Reads from postgres", Domain.DATABASE),
        ("a pg store", Domain.DATABASE),
        ("uses psycopg", Domain.DATABASE),
        ("MySQL tables", Domain.DATABASE),
        ("rows of the orders table", Domain.DATABASE),
        ("PostgresAdapterEffect", Domain.DATABASE),
        ("order_db_writer", Domain.DATABASE),
        ("calls the REST endpoint", Domain.API),
        ("gRPC and GraphQL", Domain.API),
        ("answers webhooks of Stripe", Domain.API),
        ("a RabbitMQ consumer", Domain.KAFKA),
        ("dead letters of the topic", Domain.KAFKA),
        ("takes messages from SQS", Domain.KAFKA),
        ("the event bus", Domain.KAFKA),
        ("an ONNX classifier", Domain.ML),
        ("predicts churn with sklearn", Domain.ML),
        ("the trained network", Domain.ML),
        ("p95 and p99", Domain.ANALYTICS),
        ("rolling averages of the last 5 minutes", Domain.ANALYTICS),
        ("histograms over sliding windows", Domain.ANALYTICS),
        ("a saga with compensating actions", Domain.WORKFLOW),
        ("the state machine", Domain.WORKFLOW),
        ("several steps, resumed after a crash", Domain.WORKFLOW),
    ],
)
def test_words_and_phrases_name_their_concern(text: str, domain: Domain) -> None:
    """V14: whole words, plurals, phrases and names in one piece speak for their concern."""
    found = {each: strength(text, each) for each in Domain}

    assert found[domain] >= 1.0
    assert max(found, key=lambda each: found[each]) is domain


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Führt eine Datenbankabfrage aus", Domain.DATABASE),
        ("speichert Zeilen einer Tabelle", Domain.DATABASE),
        ("veröffentlicht Nachrichten in der Warteschlange", Domain.KAFKA),
        ("Perzentile über ein Zeitfenster", Domain.ANALYTICS),
        ("ein trainiertes Modell", Domain.ML),
        ("lit la base de données", Domain.DATABASE),
        ("une file de messages", Domain.KAFKA),
        ("moyenne mobile sur une fenêtre glissante", Domain.ANALYTICS),
        ("una base de datos", Domain.DATABASE),
        ("llama a un servicio web", Domain.API),
        ("un modelo entrenado", Domain.ML),
        ("una máquina de estados", Domain.WORKFLOW),
    ],
)
def test_other_languages_name_concerns_too(text: str, domain: Domain) -> None:
    """German compounds, French and Spanish basics are heard."""
    assert strength(text, domain) >= 1.0


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Sorts lists; no database, broker or network.", Domain.DATABASE),
        ("Sorts lists; no database, broker or network.", Domain.KAFKA),
        ("Sorts lists without calling any remote service.", Domain.API),
        ("It never touches SQL.", Domain.DATABASE),
        ("This is not a workflow.", Domain.WORKFLOW),
        ("Uses files instead of Kafka.", Domain.KAFKA),
        ("A database is not needed here.", Domain.DATABASE),
        ("Sortiert Listen ohne Datenbank.", Domain.DATABASE),
        ("Eine Datenbank kommt hier nicht vor.", Domain.DATABASE),
        ("Trie des listes sans base de données.", Domain.DATABASE),
        ("Ordena listas sin base de datos.", Domain.DATABASE),
    ],
)
def test_denied_things_do_not_count(text: str, domain: Domain) -> None:
    """What a text denies, before or after naming it, speaks for nothing."""
    assert strength(text, domain) == 0


@pytest.mark.parametrize(
    "text",
    [
        "Consumes events from Kafka without losing messages.",
        "No event of the Kafka topic may be lost.",
        "Reads the Kafka topic, never twice the same message.",
        "Not only reads but also writes Kafka topics.",
    ],
)
def test_promises_deny_nothing(text: str) -> None:
    """Promises about the work such as "without losing messages" leave the concern where it is."""
    assert strength(text, Domain.KAFKA) >= 3


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Rounds prices. Called by the API gateway.", Domain.API),
        ("Rounds prices. Metrics are exported to a Kafka topic.", Domain.KAFKA),
        ("Rounds prices; the tables are another team's.", Domain.DATABASE),
        ("Rounds prices that the caller has read from the database.", Domain.DATABASE),
        ("Rounds prices. The database lives in an adapter node.", Domain.DATABASE),
        ("Rundet Preise, aufgerufen vom Webdienst.", Domain.API),
    ],
)
def test_things_in_passing_count_little(text: str, domain: Domain) -> None:
    """Who calls, where figures go and what others do hardly speaks for a concern."""
    assert strength(text, domain) < 1.0


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Keeps squads. Averages of age and the like are drawn by the statistics page.", Domain.ANALYTICS),
        ("Cuts boards. Batch numbers are put into the tables by the line server.", Domain.DATABASE),
        ("Sets a lamp. The dashboard (not ours) draws windows of a month.", Domain.ANALYTICS),
        (
            "Compares fares. The order then belongs to head office, with steps, waits and approvals.",
            Domain.WORKFLOW,
        ),
        (
            "Ticks pupils off. Later versions may publish to a topic and may keep rows in Postgres.",
            Domain.DATABASE,
        ),
    ],
)
def test_work_of_others_is_set_aside_to_the_end_of_its_clause(text: str, domain: Domain) -> None:
    """Who does the work may stand behind a verb in the passive, in brackets, or before a list."""
    assert strength(text, domain) < 1.0


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Rows are grouped by customer and written to a table in one transaction.", Domain.DATABASE),
        ("The queue is another team's, but we consume the Kafka topic.", Domain.KAFKA),
        ("Not our database, we call the REST interface of the bank.", Domain.API),
    ],
)
def test_text_comes_back_to_the_module(text: str, domain: Domain) -> None:
    """A passive without an agent, a turn, or "we" behind a comma leave what follows with the module."""
    assert strength(text, domain) >= 2.0


def test_lines_are_counted_even_without_words() -> None:
    """Names of operations may be small words or signs; the others stay in their places."""
    found = hear("a\n…\n\nthe\nread postgres", own_vocabulary(), is_told=False)

    assert [hit.line for hit in found.hits if hit.mark.domain is Domain.DATABASE] == [5]


@pytest.mark.parametrize(
    "text",
    [
        "Signals of a model railway", "the train timetable", "a stream of water", "an insurance broker who sells policies",
        "window cleaning", "the school bus", "a text message", "rows of seats", "the gas pipeline", "power transformer",
        "the rest area", "transaction fees", "bank vault door",
    ],
)  # fmt: skip
def test_words_with_another_meaning_are_told_apart(text: str) -> None:
    """Homonyms in their usual company speak for no concern."""
    found = sum(hit.mark.strength * hit.factor for hit in heard(text).hits)

    assert found < 1.0


def test_rest_is_told_from_the_rest() -> None:
    """`REST` is an interface only as it is written, or as a tag."""
    assert strength("Keeps the rest of the list.", Domain.API) == 0
    assert strength("A REST interface.", Domain.API) >= 2


def test_distinct_duties_are_counted() -> None:
    """Verbs count once each, things that look like verbs do not."""
    found = heard("Reads orders, validates them and writes reports; reads nothing twice.")

    assert found.duties == ("read", "validate", "write")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("It has five functions.", 5),
        ("Twelve small operations", 12),
        ("3 methods", 3),
        ("acht Funktionen", 8),
        ("it keeps five lists", 0),
    ],
)
def test_stated_numbers_of_operations_are_heard(text: str, number: int) -> None:
    """A text that says how many operations there are is believed."""
    assert heard(text).stated == number


def test_unknown_words_are_listed_once() -> None:
    """Words that say nothing are listed, without small words and numbers."""
    found = heard("The frobnicator reads the frobnicator of 12 quuxes.")

    assert found.unknown == ("frobnicator", "quuxes")


def test_silence_says_nothing() -> None:
    """An empty text, signs alone and emojis are no words."""
    for text in ("", "  ", "… — !?", "🎉🎉"):
        assert heard(text).hits == ()


def test_very_long_text_is_cut() -> None:
    """A book is not read to its end."""
    assert strength("word " * 10_000 + "kafka", Domain.KAFKA) == 0
