"""Worlds: places in layers by depth, drawn for an hour, a weather and the song."""

from __future__ import annotations

from resonance_video.models import Place
from resonance_video.scenes.procedural.worlds.city import City
from resonance_video.scenes.procedural.worlds.forest import Forest
from resonance_video.scenes.procedural.worlds.road import Road
from resonance_video.scenes.procedural.worlds.rooftop import Rooftop
from resonance_video.scenes.procedural.worlds.room import Room
from resonance_video.scenes.procedural.worlds.shore import Shore
from resonance_video.scenes.procedural.worlds.sky import Sky
from resonance_video.scenes.procedural.worlds.world import Frame, World

WORLDS: dict[Place, type[World]] = {
    Place.CITY: City,
    Place.ROOFTOP: Rooftop,
    Place.FOREST: Forest,
    Place.SHORE: Shore,
    Place.ROAD: Road,
    Place.ROOM: Room,
    Place.SKY: Sky,
}

__all__ = ["WORLDS", "Frame", "World"]
