"""Delivery: the one way by which sound leaves, mastered, encoded and marked."""
