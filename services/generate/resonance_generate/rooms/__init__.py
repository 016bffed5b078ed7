"""Rooms: one performance that several people play and others hear."""
