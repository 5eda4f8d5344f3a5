"""Live streams over a WebSocket: sound and frames in, moments and faces out, each at the pace that the machine keeps.

The first message is JSON (:class:`.schemas.StreamRequest`). Each one after it is binary, and its first byte says what
follows: 1, sound as 16-bit mono PCM, little-endian; 2, the second of a frame as a little-endian float64, and the frame as
a JPEG. Frames that come faster than they are worked off are dropped, the older first; sound is never: a client that sends
it faster than it is worked off is read more slowly.
"""

from __future__ import annotations

import asyncio
import struct
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from ..features.errors import EmofuseError
from .checks import check_files
from .guard import SUBPROTOCOL
from .limits import Limits
from .metrics import Metrics, log_error
from .refusals import line_of
from .schemas import StreamRequest
from .tasks import presentable, shown_moment
from .uploads import first_problem, one_line

if TYPE_CHECKING:
    from .live_stream import LiveStream
    from .predictor import Model

SOUND, FRAME = 1, 2
TIME = struct.Struct("<d")
BACKLOG_S = 10.0  # of sound that waits; beyond it the socket is not read
GOING_AWAY, UNSUPPORTED, REFUSED, TOO_BIG, TRY_LATER = 1001, 1003, 1008, 1009, 1013
REASON_BYTES = 123  # RFC 6455, 5.5: control frames have at most 125 bytes, two of them the code


class Streams:
    """The live streams of one model.

    Parameters
    ----------
    model : Model
    limits : Limits
    metrics : Metrics
    """

    def __init__(self, model: Model, limits: Limits, metrics: Metrics) -> None:
        self.model = model
        self.limits = limits
        self.metrics = metrics
        self.n_open = 0
        self.executor = ThreadPoolExecutor(limits.at_work, thread_name_prefix="emofuse-live")

    async def serve(self, socket: WebSocket) -> None:
        """Serve one stream until its client leaves, breaks a rule, or is silent for too long."""
        await socket.accept(SUBPROTOCOL if SUBPROTOCOL in socket.scope.get("subprotocols", ()) else None)
        if self.n_open >= self.limits.streams:
            await _end(socket, TRY_LATER, "too many streams at once; try again in a moment")
            return
        self.n_open += 1
        self.metrics.streams.inc()
        try:
            await _Stream(socket, self).run()
        except _BrokenRuleError as broken:
            await _end(socket, broken.code, str(broken))
        except (WebSocketDisconnect, TimeoutError):
            pass  # nobody is there any more
        except Exception as error:
            log_error(error)
            await _end(socket, REFUSED, line_of(error))
        finally:
            self.n_open -= 1
            self.metrics.streams.dec()


class _BrokenRuleError(Exception):
    """A client does what ends its stream."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Item(NamedTuple):
    kind: int
    data: bytes
    time_s: float = 0.0


class _Stream:
    """One stream: one task reads what comes, another has it worked off in a thread."""

    def __init__(self, socket: WebSocket, streams: Streams) -> None:
        self.socket, self.streams, self.limits = socket, streams, streams.limits
        self.items: list[_Item] = []
        self.n_dropped = 0
        self.waiting_bytes = 0
        self.arrived, self.room = asyncio.Event(), asyncio.Event()
        self.rate = 0
        self.seen: dict[str, Any] = {"faces": [], "width": 0, "height": 0}

    async def run(self) -> None:
        from .live_stream import LiveStream

        asked = await self._first()
        self.asked = asked
        self.rate = asked.audio.sampling_rate_hz if asked.audio else 0
        try:
            live = LiveStream(self.streams.model, window_s=asked.window_s, hop_s=asked.hop_s, faces=asked.video)
        except EmofuseError as error:
            raise _BrokenRuleError(REFUSED, one_line(str(error))) from None
        reading = asyncio.create_task(self._read())
        working = asyncio.create_task(self._work(live))
        try:
            done, _ = await asyncio.wait({reading, working}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (reading, working):
                task.cancel()
            await asyncio.wait({reading, working})

    async def _first(self) -> StreamRequest:
        message = await self._next()
        text = message.get("text")
        if text is None:
            raise _BrokenRuleError(UNSUPPORTED, "the first message must be JSON that says what is going to be sent")
        try:
            return StreamRequest.model_validate_json(text, strict=True)
        except ValidationError as error:
            raise _BrokenRuleError(REFUSED, first_problem(error)) from None

    async def _next(self) -> Any:
        try:
            async with asyncio.timeout(self.limits.idle_seconds):
                message = await self.socket.receive()
        except TimeoutError:
            raise _BrokenRuleError(
                GOING_AWAY, f"nothing came for {self.limits.idle_seconds:g} s; start again"
            ) from None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", GOING_AWAY))
        size = len(message.get("bytes") or message.get("text") or "")
        if size > self.limits.message_bytes:
            raise _BrokenRuleError(TOO_BIG, f"a message has at most {self.limits.message_bytes} bytes, got {size}")
        return message

    async def _read(self) -> None:
        """Take messages in; wait while too much sound waits."""
        while True:
            data = (await self._next()).get("bytes")
            if not data:
                raise _BrokenRuleError(UNSUPPORTED, "each message after the first must be binary: sound or a frame")
            self._take(data)
            self.arrived.set()
            while self.waiting_bytes > BACKLOG_S * 2 * self.rate > 0:
                self.room.clear()
                await self.room.wait()

    def _take(self, data: bytes) -> None:
        kind = data[0]
        if kind == SOUND and self.rate:
            if len(data) % 2 == 0:
                raise _BrokenRuleError(
                    UNSUPPORTED, "sound must be 16-bit samples: a whole number of them after the first byte"
                )
            if len(data) > 1:
                self.items.append(_Item(SOUND, data[1:]))
                self.waiting_bytes += len(data) - 1
        elif kind == FRAME and self.asked.video:
            if len(data) <= 1 + TIME.size:
                raise _BrokenRuleError(UNSUPPORTED, "a frame must be its second, a float64, and a JPEG")
            before = len(self.items)
            self.items = [item for item in self.items if item.kind != FRAME]
            self._drop(before - len(self.items))
            self.items.append(_Item(FRAME, data[1 + TIME.size :], TIME.unpack_from(data, 1)[0]))
        else:
            raise _BrokenRuleError(UNSUPPORTED, f"messages of kind {kind} were not announced; the kinds are 1 and 2")

    def _drop(self, count: int) -> None:
        self.n_dropped += count
        self.streams.metrics.frames_dropped.inc(count)

    async def _work(self, live: LiveStream) -> None:
        """Have what has come worked off, and send what is said of it."""
        loop = asyncio.get_running_loop()
        while True:
            await self.arrived.wait()
            self.arrived.clear()
            items, self.items, self.waiting_bytes = self.items, [], 0
            self.room.set()
            for item in items:
                for message in await loop.run_in_executor(self.streams.executor, self._answers, live, item):
                    async with asyncio.timeout(self.limits.idle_seconds):
                        await self.socket.send_json(message)

    def _answers(self, live: LiveStream, item: _Item) -> list[dict[str, Any]]:
        """Push one item to the stream, in a thread; return the messages that it makes."""
        found: list[dict[str, Any]] = []
        try:
            if item.kind == SOUND:
                moments = live.push_sound(np.frombuffer(item.data, "<i2"), self.rate)
            else:
                moments = self._push_frame(live, item)
            found += [{"type": "moment", **shown_moment(moment)} for moment in moments]
        except Exception as error:  # one piece that cannot be used does not end the stream
            if not isinstance(error, EmofuseError):
                log_error(error)
            found.append({"type": "error", "message": line_of(error)})
        if item.kind == FRAME:  # the client waits for it, whatever became of the frame
            found.append({"type": "faces", "time_s": presentable(item.time_s), **self.seen, "dropped": self.n_dropped})
        return found

    def _push_frame(self, live: LiveStream, item: _Item) -> list[Any]:
        from ..features.pictures import decode_picture

        check_files({"image": item.data}, self.limits, None, None)
        picture = decode_picture(item.data).pixels
        moments = live.push_frame(item.time_s, picture)
        faces = [] if live.faces is None else [asdict(face) for face in live.faces.now()]
        self.seen = {"faces": presentable(faces), "width": picture.shape[1], "height": picture.shape[0]}
        return moments


async def _end(socket: WebSocket, code: int, message: str) -> None:
    """Say why, in a message and in the reason of the close, and close."""
    if WebSocketState.DISCONNECTED in (socket.application_state, socket.client_state):
        return
    try:
        await socket.send_json({"type": "error", "message": message})
        await socket.close(code, message.encode()[:REASON_BYTES].decode(errors="ignore"))
    except (WebSocketDisconnect, RuntimeError, OSError):
        return  # it has left meanwhile
