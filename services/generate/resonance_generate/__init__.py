"""Generate service: prompt, taste and sliders in; audio streamed while it is made."""
