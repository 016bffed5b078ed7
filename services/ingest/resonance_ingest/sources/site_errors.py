"""Site errors: yt-dlp messages as reasons and user sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence

UPLOAD = "Download it where you may, and upload the file instead."
_LATER = f"Try again later. {UPLOAD}"

# The first pattern that matches decides, so narrow ones stand before wide ones. They match messages of yt-dlp 2026 and YouTube.
_TABLE: tuple[tuple[str, str, str], ...] = (
    (r"not a public address", "PRIVATE_ADDRESS", "The link leads to an address that is not public."),
    (r"is not started here", "NOT_READABLE", f"This kind of link cannot be read here. {UPLOAD}"),
    (
        r"HTTP Error 407|proxy authentication|ProxyError|tunnel connection failed",
        "PROXY_REFUSED",
        f"The proxy that this server downloads through refuses: its operator can change RESONANCE_DOWNLOAD_PROXY. {UPLOAD}",
    ),
    (
        r"HTTP Error 5\d\d|internal server error|bad gateway",
        "SITE_FAILED",
        f"The site has a fault of its own. {_LATER}",
    ),
    (
        r"private video|video is private|(playlist|list) is private|is private",
        "TRACK_PRIVATE",
        f"This is private. {UPLOAD}",
    ),
    (
        r"confirm your age|age.?restricted|age.?verif|inappropriate for some|age check",
        "AGE_LIMITED",
        f"The site asks for an age. {UPLOAD}",
    ),
    (
        r"not a bot|too many requests|HTTP Error 429|rate.?limit|HTTP Error 403|try again later|captcha"
        r"|any player response|player responses are invalid|ip is likely being blocked",
        "SITE_REFUSED",
        f"The site refuses to serve programs at the moment. {UPLOAD}",
    ),
    (
        r"members.only|join this channel|requires payment|premium|only available for purchase|\brent(al|ed)?\b|requires purchase",
        "TRACK_PAID",
        f"The site wants to be paid. {UPLOAD}",
    ),
    (
        r"\bDRM\b|copy.?protect|widevine|fairplay",
        "COPY_PROTECTED",
        "It is copy-protected (DRM), so no program can read its sound. Choose another recording of it.",
    ),
    (
        r"(live stream|live event|stream) recording is not available|recording is not available|live event has ended",
        "RECORDING_NOT_READY",
        "This live stream has ended, and the site does not offer its recording (yet). Try again later, or choose another one.",
    ),
    (
        r"live event|live stream|premieres|is live|not currently live|is_live|will begin in",
        "LIVE_STREAM",
        "A live stream has no end, and cannot be a track.",
    ),
    (
        r"in your (country|region|location|area)|geo.?.?restrict|your location|not available (from|in) your",
        "NOT_IN_THIS_COUNTRY",
        f"The site does not serve it in this server's country. {UPLOAD}",
    ),
    (
        r"copyright|rights.?holder|blocked it|contains content from",
        "TRACK_BLOCKED",
        "The holder of its rights has blocked it on this site. Choose another recording of it.",
    ),
    (
        r"incomplete youtube id|truncated_id",
        "LINK_CUT",
        "The link is cut short. Copy it again: a video's id has 11 characters.",
    ),
    (
        r"does not have an? .* tab|no (videos|uploads)|has no videos|channel does not exist",
        "NO_TRACKS",
        "This channel has no videos of that kind. Paste the link of a playlist or a video.",
    ),
    (
        r"playlist type is unviewable|unviewable",
        "PLAYLIST_PRIVATE",
        "Only its owner sees this list. Put its songs into a playlist that is public or unlisted, and paste that link.",
    ),
    (
        r"name or service not known|failed to resolve|getaddrinfo|no address associated|name resolution|nodename nor servname",
        "UNKNOWN_HOST",
        f"The site cannot be found: the link has a wrong name in it, or this server has no internet. {UPLOAD}",
    ),
    (
        r"timed out|connection refused|connection reset|connection aborted|unreachable|remote end closed|incompleteread"
        r"|more expected|giving up|\bEOF occurred",
        "SITE_UNREACHABLE",
        "The site cannot be reached. Try again later, or upload the file instead.",
    ),
    (
        r"certificate|\bssl\b|tlsv1",
        "SITE_UNREACHABLE",
        f"The site's connection is not safe: its certificate cannot be checked. {UPLOAD}",
    ),
    (
        r"sign in|log ?in|login|account.*required|cookies|HTTP Error 401|registered users|authentication",
        "LOGIN_REQUIRED",
        f"The site shows this only to people who are signed in. {UPLOAD}",
    ),
    (
        r"unavailable|removed|no longer|does(n't| not) exist|HTTP Error 404|HTTP Error 410|terminated|deleted|closed their"
        r"|isn't available|not available anymore|video is not available|hidden by",
        "TRACK_GONE",
        "There is nothing at this link any more.",
    ),
    (r"unsupported url|no suitable|not found on|no media", "NO_AUDIO_THERE", "There is no audio behind this link."),
)
# What a site says where it gives no sound, and the causes that yt-dlp warns of before.
_NO_FORMAT = re.compile(r"requested format is not available|no video formats|only images are available", re.IGNORECASE)
_NO_FORMAT_CAUSES: tuple[tuple[str, str, str], ...] = (
    (
        r"javascript runtime|js runtime|challenge solv|signature (extraction|solving)|nsig|no supported .*runtime|ejs",
        "NO_JAVASCRIPT",
        "This server cannot run YouTube's script, without which YouTube gives no sound: its operator can install deno (2.3 or newer) "
        f"or Node (22 or newer). {UPLOAD}",
    ),
    (
        r"\bDRM\b",
        "COPY_PROTECTED",
        "It is copy-protected (DRM), so no program can read its sound. Choose another recording of it.",
    ),
    (
        r"po.?token|SABR|\bGVS\b",
        "SITE_REFUSED",
        f"YouTube gives this server no sound that a program may download (it asks for proof of a browser). {UPLOAD}",
    ),
)
_TAIL = re.compile(
    r"\s*(;|\.)?\s*(please report this issue on|Use --|See +http|For more information|Use the --).*$",
    re.IGNORECASE | re.DOTALL,
)
_SAID_MAX = 160


def explain_site_error(complaint: str, warnings: Sequence[str] = ()) -> tuple[str, str]:
    """The reason and the sentence for a message of yt-dlp; `warnings` are those that came before it.

    A message that is not in the table is passed on in its own words: the site's reason is better than none.
    """
    if _NO_FORMAT.search(complaint):
        return _explain_no_format("\n".join([complaint, *warnings]))
    if "any player response" in complaint and warnings:
        complaint = "\n".join([*warnings, complaint])  # each of YouTube's interfaces failed, and says why in a warning
    for pattern, reason, sentence in _TABLE:
        if re.search(pattern, complaint, re.IGNORECASE):
            return reason, sentence
    said = _own_words(complaint)
    return "SITE_FAILED", f"The link could not be read{f': the site said “{said}”' if said else ''}. {UPLOAD}"


def _explain_no_format(text: str) -> tuple[str, str]:
    for pattern, reason, sentence in _NO_FORMAT_CAUSES:
        if re.search(pattern, text, re.IGNORECASE):
            return reason, sentence
    return "NO_FORMAT", f"The site offers this server no sound that can be downloaded as a file. {UPLOAD}"


def _own_words(complaint: str) -> str:
    """The message without yt-dlp's prefix and advice, in one printable line."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", complaint)
    text = re.sub(r"^(ERROR:\s*)?(\[[^\]]+\]\s*)?([\w-]{1,40}:\s+)?", "", text)
    text = _TAIL.sub("", "".join(character if character.isprintable() else " " for character in text)).strip(" .")
    return text if len(text) <= _SAID_MAX else text[: _SAID_MAX - 1] + "…"
