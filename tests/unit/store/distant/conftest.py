"""An empty store on a server, and a database that is opened for one test."""

from __future__ import annotations

import pytest
from tests.contracts.servers import emptied_store

from weft.store.distant.opening import open_database


@pytest.fixture
def url():
    """An empty store."""
    return emptied_store()


@pytest.fixture
def database(url):
    """It, opened."""
    database = open_database(url)
    yield database
    database.reader.close()
    database.writer.close()
