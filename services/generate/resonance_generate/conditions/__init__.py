"""Conditions of a take: recipe, steering vectors, melody."""
