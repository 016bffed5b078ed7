"""Site errors: yt-dlp messages as reasons and user sentences."""

from __future__ import annotations

import re

_UPLOAD = "Download it where you may, and upload the file instead."

# The first pattern that matches decides. They match messages of yt-dlp 2026; any other message is SITE_FAILED.
_TABLE: tuple[tuple[str, str, str], ...] = (
    (r"not a public address", "PRIVATE_ADDRESS", "The link leads to an address that is not public."),
    (r"is not started here", "NOT_READABLE", f"This kind of link cannot be read here. {_UPLOAD}"),
    (r"private video|video is private|playlist is private", "TRACK_PRIVATE", f"This is private. {_UPLOAD}"),
    (r"confirm your age|age.restricted|inappropriate for some", "AGE_LIMITED", f"The site asks for an age. {_UPLOAD}"),
    (
        r"not a bot|too many requests|HTTP Error 429|rate.limit|HTTP Error 403|try again later|any player response",
        "SITE_REFUSED",
        f"The site refuses to serve programs at the moment. {_UPLOAD}",
    ),
    (r"members.only|join this channel|requires payment|premium", "TRACK_PAID", f"The site wants to be paid. {_UPLOAD}"),
    (r"live event|live stream|premieres|is live", "LIVE_STREAM", "A live stream has no end, and cannot be a track."),
    (
        r"in your country|geo.?restrict|your location",
        "NOT_IN_THIS_COUNTRY",
        f"The site does not serve it in this server's country. {_UPLOAD}",
    ),
    (
        r"unavailable|removed|no longer|does not exist|HTTP Error 404|HTTP Error 410|terminated",
        "TRACK_GONE",
        "There is nothing at this link any more.",
    ),
    (
        r"name or service not known|failed to resolve|getaddrinfo|no address associated|name resolution",
        "UNKNOWN_HOST",
        f"The site cannot be found: the link has a wrong name in it, or this server has no internet. {_UPLOAD}",
    ),
    (
        r"unsupported url|no video formats|no suitable|requested format is not available|not found on",
        "NO_AUDIO_THERE",
        "There is no audio behind this link.",
    ),
    (
        r"timed out|connection refused|connection reset|unreachable|remote end closed|ssl|incompleteread|more expected|giving up",
        "SITE_UNREACHABLE",
        "The site cannot be reached. Try again later, or upload the file instead.",
    ),
)


def explain_site_error(complaint: str) -> tuple[str, str]:
    """The reason and the sentence for a message of yt-dlp."""
    for pattern, reason, sentence in _TABLE:
        if re.search(pattern, complaint, re.IGNORECASE):
            return reason, sentence
    return "SITE_FAILED", f"The link could not be read. {_UPLOAD}"
