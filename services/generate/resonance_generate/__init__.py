"""The generate service: text, taste and sliders in; audio out while it is made."""
