"""Room: one performance in one slot, its members, and everybody who listens."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

import structlog

from resonance.broadcast import Broadcast
from resonance.errors import NotFound, Overloaded, PermissionDenied, ResonanceError, Unavailable
from resonance.identity import acting_as
from resonance.ids import sha256_hex
from resonance.v1 import audio_pb2, generate_pb2, rooms_pb2, steering_pb2
from resonance_generate.conditions.recipes import ResolvedRecipe
from resonance_generate.engine.engine import Engine
from resonance_generate.engine.request import EngineRequest, GenerationParams
from resonance_generate.engine.running_request import RunningRequest
from resonance_generate.performance import COMMANDS
from resonance_generate.responses import StreamWriter, build_recipe_in_force, build_refusal, build_started
from resonance_generate.rooms.connection import Connection, Event
from resonance_generate.rooms.member import Member, find_moves, part_of_recipe
from resonance_generate.rooms.mixer import Mixer, bar_length_s
from resonance_generate.rooms.one_recipe import to_one_recipe
from resonance_generate.rooms.opened import Opened, RoomLimits
from resonance_generate.rooms.roster import Roster, is_general
from resonance_generate.takes.library import TakeLibrary
from resonance_generate.waiting_news import blocks_and_news

# The sound that a new listener gets at once, before the present: it is played while the next chunk is made.
HEAD_START_S = 0.5
# The shortest time between two mixes, in which moves of all members are collected.
MIX_S = 0.2
_log = structlog.get_logger("rooms")


class Room:
    """A room. All methods run on one event loop; the engine's slot is taken when somebody first joins."""

    def __init__(
        self,
        opened: Opened,
        base: ResolvedRecipe,
        *,
        engine: Engine,
        mixer: Mixer,
        takes: TakeLibrary,
        limits: RoomLimits,
        frame_rate_hz: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.opened = opened
        self.is_ended = False
        self._base, self._engine, self._mixer, self._takes, self._limits = base, engine, mixer, takes, limits
        self._frame_rate_hz, self._clock = frame_rate_hz, clock
        rate_hz = opened.description.format.sample_rate_hz
        self._broadcast = Broadcast(samples_max=round(limits.lag_s_max * rate_hz))
        self._writer = StreamWriter(opened.description.format)
        self._head_samples = round(HEAD_START_S * rate_hz)
        self._roster = Roster(opened.room_id, members_max=limits.members_max, listeners_max=limits.listeners_max)
        self._connections: list[Connection] = []
        # Calls that are open, those that were cut and not read on among them.
        self._open_count = 0
        self._request: EngineRequest | None = None
        self._latest: rooms_pb2.RoomMix | None = None
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_paused = False
        self._base_waiting: steering_pb2.Recipe | None = None
        self._opened_s = self._owner_seen_s = clock()

    # --- people

    @property
    def connection_count(self) -> int:
        """Number of open connections."""
        return len(self._connections)

    def role_of(self, token: str) -> rooms_pb2.RoomRole:
        """What a token lets its bearer do. Raises PermissionDenied for a wrong one."""
        digest = sha256_hex(token.encode())
        for role, known in self.opened.digests.items():
            if secrets.compare_digest(digest, known):
                return role
        raise PermissionDenied("this link does not open the room; ask for a new one", reason="WRONG_ROOM_TOKEN")

    async def join(
        self, joining: rooms_pb2.RoomJoining, account: str
    ) -> AsyncGenerator[tuple[Connection, Event], None]:
        """The stream of one caller, with its connection, which `control` takes. Leaving the generator leaves the room.

        Raises:
            PermissionDenied: the token is wrong, or the member was sent away.
            Overloaded: the room or the engine is full.
        """
        role = self.role_of(joining.token)
        self._roster.check_calls(self._open_count)
        connection = self._connect(joining, role, account)
        self._open_count += 1
        try:
            self._start()
            if joining.HasField("part") and connection.member is not None:
                self._take_part(connection.member, joining.part)
            connection.number = self._broadcast.find_start(self._head_samples)
            start = self._broadcast.next_sample(connection.number)
            connection.next_sample = start or 0
            connection.sending_since_s = self._clock()
            yield connection, build_started(self.opened.describe(self._base.recipe))
            yield connection, self.opened.build_joined(connection.member, role, connection.next_sample)
            if self._latest is not None and connection.has_news:
                connection.mixes_from = self._broadcast.end  # those before are in the one that is told now
                yield connection, self._latest
            connection.sending_since_s = None
            events = connection.events(self._broadcast, lambda: self._latest, self._clock)
            async with aclosing(events):
                async for event in events:
                    yield connection, event
        finally:
            self._open_count -= 1
            self._disconnect(connection)

    def control(self, connection: Connection, control: rooms_pb2.RoomControl) -> None:
        """Applies a control of a caller. A part or recipe is answered when it is read.

        Raises:
            PermissionDenied: a listener's control, or one that is the owner's alone.
            NotFound: a weight or a removal of nobody here.
            Overloaded: too many commands wait.
        """
        if connection not in self._connections:
            raise PermissionDenied("you are not in this room any more; join again", reason="NOT_IN_THE_ROOM")
        member = self._roster.check_rights(connection.member, control)
        if control.HasField("part"):
            self._take_part(member, control.part)
        if is_general(control):
            self._obey_owner(member, control)

    def _obey_owner(self, owner: Member, control: rooms_pb2.RoomControl) -> None:
        if control.HasField("recipe"):
            self._base_waiting = control.recipe
        for member_id, weight in control.weights.items():
            self._roster.move(owner, f"weight.{member_id}", self._roster.members[member_id].weight, weight)
            self._roster.members[member_id].weight = weight
        for member_id in control.removed_member_ids:
            self._roster.removed.add(member_id)
            self._let_go(member_id, "REMOVED", "the owner of the room has sent you away")
            self._roster.move(self._roster.members[member_id], "removed", 1, 0)
        if control.command in COMMANDS:
            if control.command == generate_pb2.PLAYBACK_COMMAND_PAUSE:
                self._is_paused = True
            if control.command == generate_pb2.PLAYBACK_COMMAND_PLAY:
                self._is_paused = False
            self._engine.apply(self._playing(), COMMANDS[control.command])
        self._changed.set()

    def _connect(self, joining: rooms_pb2.RoomJoining, role: rooms_pb2.RoomRole, account: str) -> Connection:
        if self.is_ended:
            raise NotFound("this room has ended", reason="NO_SUCH_ROOM")
        member = None
        if joining.sound_only or role == rooms_pb2.ROOM_ROLE_LISTENER:
            self._roster.check_listeners(sum(one.member is None for one in self._connections))
        else:
            member_id = self._roster.member_id(joining, role)
            self._roster.check_members(member_id)
            self._let_go(member_id, "TAKEN_OVER", "you joined again elsewhere")
            is_new = member_id not in self._roster.members
            member = self._roster.enter(member_id, joining, role, account)
            if is_new and role == rooms_pb2.ROOM_ROLE_OWNER:
                self._take_part(member, part_of_recipe(self.opened.description.recipe))
        connection = Connection(
            member=member,
            has_sound=joining.sound_only or not joining.without_sound,
            has_news=not joining.sound_only,
        )
        self._connections.append(connection)
        self._changed.set()
        return connection

    def _disconnect(self, connection: Connection) -> None:
        if connection not in self._connections:
            return
        self._connections.remove(connection)
        member = connection.member
        if member is not None and not any(one.member is member for one in self._connections):
            self._roster.leave(member)
            if member.role == rooms_pb2.ROOM_ROLE_OWNER:
                self._owner_seen_s = self._clock()
        self._changed.set()

    def _let_go(self, member_id: str, reason: str, message: str) -> None:
        """Ends the connections of a member."""
        for connection in [one for one in self._connections if one.member and one.member.member_id == member_id]:
            connection.ended = rooms_pb2.RoomEnded(reason=reason, message=message)
            connection.number = self._broadcast.end
            self._disconnect(connection)
        self._broadcast.wake()

    # --- the mix

    def _take_part(self, member: Member, part: rooms_pb2.RoomPart) -> None:
        member.waiting = rooms_pb2.RoomPart()
        member.waiting.CopyFrom(part)
        self._changed.set()

    async def _mix_all(self) -> None:
        """Reads what waits and puts the mix in force, as long as the room lasts."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._mix()
            except NotFound:
                return  # the performance has ended; `_play` tells everybody
            except ResonanceError as failure:
                _log.warning("a mix was not put in force", reason=failure.reason)
            except Exception as failure:
                _log.error("a room cannot be mixed", exc_info=failure)
                self._stop("FAILED", "the room failed; the log of the service says why")
                return
            await asyncio.sleep(MIX_S)

    async def _mix(self) -> None:
        answers = [
            await self._read_base(),
            *[await self._read_part(member) for member in list(self._roster.members.values())],
        ]
        params, push = self._mixer.mix(self._base, list(self._roster.members.values()))
        offset = await self._put_in_force(params, push.budget_share)
        for member, answer in filter(None, answers):
            if not answer.HasField("fault"):
                answer.sample_offset, answer.recipe_id = max(0, offset), params.recipe_id
            self._answer(member, answer)
        self._latest = rooms_pb2.RoomMix(
            recipe_id=params.recipe_id,
            sample_offset=offset,
            members=[member.describe() for member in self._roster.members.values()],
            listener_count=sum(one.member is None and one.has_news for one in self._connections),
            moves=self._roster.moves,
            recipe=self._base.recipe,
            budget_share=push.budget_share,
            bar_s=bar_length_s(self._base),
            is_paused=self._is_paused,
        )
        self._roster.moves.clear()
        self._broadcast.put(self._latest)

    async def _put_in_force(self, params: GenerationParams, budget_share: float) -> int:
        """The first sample of the new parameters; -1 where they are in force already."""
        if self._latest is not None and self._latest.recipe_id == params.recipe_id:
            return -1
        line_frames = bar_length_s(self._base) * self._frame_rate_hz

        def change(running: RunningRequest) -> int:
            return running.update_at_line(params, line_frames) if line_frames else running.update(params)

        changing = asyncio.wrap_future(self._engine.apply(self._playing(), change))
        changing.add_done_callback(lambda done: done.cancelled() or done.exception())
        offset = await asyncio.shield(changing)  # the engine answers also where the room is closed meanwhile
        if self.opened.recording is not None:
            recipe = to_one_recipe(self._base.recipe, self._roster.members.values(), budget_share)
            self.opened.recording.add(
                generate_pb2.RecipeInForce(recipe=recipe, recipe_id=params.recipe_id, sample_offset=offset)
            )
        return offset

    async def _read_base(self) -> tuple[Member, generate_pb2.RecipeInForce] | None:
        recipe, self._base_waiting = self._base_waiting, None
        owner = self._roster.members.get("owner")
        if recipe is None or owner is None:
            return None
        try:
            with acting_as(self.opened.owner):
                base = await self._mixer.read_base(recipe)
        except ResonanceError as refusal:
            return owner, build_refusal(refusal)
        self._base = replace(base, params=replace(base.params, melody=self._base.params.melody))
        self._roster.move(owner, "words", 0, 1)
        return owner, build_recipe_in_force(base, sample_offset=0, melody_sha256="")

    async def _read_part(self, member: Member) -> tuple[Member, generate_pb2.RecipeInForce] | None:
        part, member.waiting = member.waiting, None
        if part is None:
            return None
        before = member.part
        offered = frozenset(offer.taste_id for offer in self.opened.offers)
        try:
            answer = await self._mixer.read_part(member, part, self._base, owner=self.opened.owner, offered=offered)
        except ResonanceError as refusal:
            return member, build_refusal(refusal)
        self._roster.moves.extend(find_moves(member.member_id, before, part))
        return member, answer

    def _answer(self, member: Member, answer: generate_pb2.RecipeInForce) -> None:
        for connection in self._connections:
            if connection.member is member:
                connection.answers.append(answer)
        self._broadcast.wake()

    def answer(self, connection: Connection, answer: generate_pb2.RecipeInForce) -> None:
        """Answers one caller, in their stream."""
        connection.answers.append(answer)
        self._broadcast.wake()

    # --- the music

    def _start(self) -> None:
        """Takes a slot, once. Raises what `Engine.submit` raises."""
        if self._tasks:
            return
        with acting_as(self.opened.owner):  # the slot is the opener's, whoever joins first
            request = self.opened.build_request()
        self._engine.submit(request)
        self._request = request
        self._tasks = [asyncio.create_task(self._play()), asyncio.create_task(self._mix_all())]

    def _playing(self) -> EngineRequest:
        """The request in the engine. Raises NotFound before anybody has joined."""
        if self._request is None:
            raise NotFound("the music has not begun", reason="NOT_PLAYING")
        return self._request

    async def _play(self) -> None:
        request, recording = self._playing(), self.opened.recording
        try:
            async with aclosing(request.stream), aclosing(blocks_and_news(self._engine, request)) as music:
                async for block in music:
                    if isinstance(block, generate_pb2.GenerationQueued):
                        self._broadcast.put(block)
                        continue
                    chunk = self._writer.write(block.pcm, recipe_id=block.recipe_id, headroom_s=block.headroom_s)
                    if chunk is not None:
                        if recording is not None:
                            recording.add(chunk)
                        self._broadcast.put(chunk)
                        self._count(chunk)
            await self._save()
            self._end("STOPPED", "the owner has ended the music")
        except ResonanceError as failure:
            await self._save()
            self._fail(failure)

    def _count(self, chunk: audio_pb2.AudioChunk) -> None:
        """Counts a chunk against the opener's quota; a room whose opener has none left ends."""
        if self.opened.meter is None:
            return
        try:
            self.opened.meter.count(chunk.sample_count / self.opened.description.format.sample_rate_hz)
        except Overloaded as refusal:
            self._stop(refusal.reason, f"the person who opened the room has no music left today: {refusal.message}")

    async def _save(self) -> None:
        if self.opened.recording is not None:
            await asyncio.shield(self._takes.run_in_background(self.opened.recording.save()))

    def look(self) -> None:
        """Cuts callers who do not read, and ends the room where its time is over or its owner has been away too long."""
        now_s = self._clock()
        for connection in [one for one in self._connections if one.is_stuck(now_s, self._limits.stall_s_max)]:
            _log.info("a listener was cut off", room=self.opened.room_id[:6], why="did not read")
            connection.cut()
            self._disconnect(connection)
        owner = self._roster.members.get("owner")
        if owner is not None and owner.is_present:
            self._owner_seen_s = now_s
        if now_s - self._owner_seen_s > self._limits.owner_away_s_max:
            self._stop("OWNER_AWAY", "the person who opened the room has left")
        elif now_s - self._opened_s > self._limits.duration_s_max:
            self._stop("TIME_OVER", "the room has played as long as it may")

    def _stop(self, reason: str, message: str) -> None:
        if self._request is not None:
            self._request.stream.close()
        self._end(reason, message)

    def _end(self, reason: str, message: str) -> None:
        if self.is_ended:
            return
        self.is_ended = True
        for connection in self._connections:
            connection.ended = rooms_pb2.RoomEnded(reason=reason, message=message, end=self._writer.end())
        self._broadcast.wake()

    def _fail(self, failure: ResonanceError) -> None:
        self.is_ended = True
        for connection in self._connections:
            connection.failure = failure
        self._broadcast.wake()

    async def close(self) -> None:
        """Ends the room because the service stops."""
        if self._request is not None:
            self._request.stream.close()
        if not self.is_ended:
            self._fail(Unavailable("this service is stopping, and its rooms end", retry_after_s=5.0))
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError, ResonanceError):
                await task
        await self._save()
