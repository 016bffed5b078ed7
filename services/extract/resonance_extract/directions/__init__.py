"""Arithmetic from activation statistics to directions.

It uses no protobuf and no model.
"""
