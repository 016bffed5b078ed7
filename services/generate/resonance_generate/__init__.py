"""Generate service: prompt, taste and sliders to streamed audio."""
