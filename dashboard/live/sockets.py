"""The web socket of a page."""

from __future__ import annotations

from channels.generic.websocket import AsyncWebsocketConsumer


class LiveConsumer(AsyncWebsocketConsumer):
    """Relays to a page what changed of the topics that it subscribed to."""

    async def connect(self) -> None:
        await self.close()
