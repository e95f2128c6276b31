"""The offices of a team's server: one for each workspace, opened when somebody first comes in.

Knows that all of them share the lanes of this process. Refuses to know who may come in.
"""

from __future__ import annotations

import asyncio

from weft.api.needs import Office, open_office
from weft.app.houses import Houses
from weft.app.working import Lanes


class Offices:
    """Opens the office of each workspace."""

    def __init__(self, houses: Houses, lanes: Lanes) -> None:
        """Open none yet.

        Args:
            houses: one for each workspace.
            lanes: of this process, which walk the runs of all of them.
        """
        self.lanes = lanes
        self._houses = houses
        self._open: dict[str, Office] = {}
        self._opening = asyncio.Lock()

    async def open(self, workspace: str) -> Office:
        """The office of a workspace; the same one each time.

        Raises:
            UnknownName: if there is no such workspace, or it was put away before anybody came in.
        """
        async with self._opening:
            if workspace not in self._open:
                house = await self._houses.open(workspace)
                self._open[workspace] = open_office(house, self.lanes, workspace=workspace)
            return self._open[workspace]
