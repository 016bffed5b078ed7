"""Wish grammar: short English wishes as slider changes.

It needs neither a model nor a network.
"""
