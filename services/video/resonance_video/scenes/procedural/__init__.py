"""Embedded provider: draws worlds and figures with Skia on the CPU, in one child process per scene.

Nothing is imported here: a child that only draws would import the provider's side with it, which takes 0.15 s a scene.
"""
