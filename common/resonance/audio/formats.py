"""Formats of sound that are read, and the kinds of other files, told by their first bytes.

The standard library alone: it is imported by the confined decoder, the command line and the ingest service.
"""

from __future__ import annotations

from dataclasses import dataclass

# ffmpeg's names. The demuxers that open other files (concat, hls, dash, image2, sdp ...) are not among
# them; this list, and not a protocol whitelist, is what stops a playlist that is named `song.mp3`.
CONTAINERS = "wav,mp3,flac,ogg,mov,mp4,m4a,matroska,webm,aac,aiff,caf,w64,au,wv,asf"
_CODECS = (
    "mp3float mp3 mp2float mp2 aac aac_fixed flac vorbis libvorbis opus libopus alac pcm_s8 pcm_u8 pcm_s16le pcm_s16be"
    " pcm_s24le pcm_s24be pcm_s32le pcm_s32be pcm_f32le pcm_f32be pcm_f64le pcm_f64be pcm_alaw pcm_mulaw adpcm_ms"
    " adpcm_ima_wav wavpack wmav1 wmav2"
)
CODECS = frozenset(_CODECS.split())
IN_WORDS = "MP3, M4A and AAC, FLAC, Ogg (Vorbis, Opus), WAV, AIFF, WMA, WavPack, CAF and AU, and the sound of MP4, MOV, MKV and WebM videos"
_READ_ENDINGS = (
    "mp3 mp2 m4a m4b m4r aac flac ogg oga opus wav wave bwf rf64 w64 aif aiff aifc wma asf wv caf au snd"
    " mp4 m4v mov mkv mka webm 3gp"
)
_UNREAD_ENDINGS = (
    "m4p aa aax ape mpc mp+ mpp tta dsf dff ra rm amr ac3 eac3 dts thd mlp tak ofr shn spx gsm voc avi flv ts"
)
# Endings of files that are taken from a folder: those that are read, and those of sound that is refused by its name.
READ_ENDINGS = frozenset(_READ_ENDINGS.split())
SOUND_ENDINGS = READ_ENDINGS | frozenset(_UNREAD_ENDINGS.split())
_READ = f"Formats that are read: {IN_WORDS}."
_UNPACK = "Unpack it, and send the songs in it."


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKind:
    """A kind of file that is no readable sound: reason and sentence of its refusal."""

    reason: str
    message: str


def _archive(name: str) -> FileKind:
    return FileKind(reason="ARCHIVE", message=f"The file is {name}, not a song. {_UNPACK}")


def _unread(name: str) -> FileKind:
    return FileKind(reason="FORMAT_NOT_READ", message=f"The file is {name}, which is not read here. {_READ}")


def _no_sound(name: str, advice: str = _READ) -> FileKind:
    return FileKind(reason="NOT_AUDIO", message=f"The file is {name}, not a recording. {advice}")


def protected(name: str) -> FileKind:
    """The refusal of a copy-protected file."""
    message = f"The file is {name}: it is copy-protected (DRM), and only the shop's own player can read it."
    return FileKind(reason="COPY_PROTECTED", message=message)


UNKNOWN = FileKind(reason="NOT_AUDIO", message=f"The file is no sound that can be read here. {_READ}")
_LIST_ADVICE = "It names songs and holds none: send the songs themselves."
_PICTURE, _MODULE = _no_sound("a picture"), _unread("a tracker module (notes and samples)")

# (offset, bytes, kind). The first that matches decides.
_SIGNATURES: tuple[tuple[int, bytes, FileKind], ...] = (
    (0, b"PK\x03\x04", _archive("a ZIP archive")),
    (0, b"PK\x05\x06", _archive("an empty ZIP archive")),
    (0, b"PK\x07\x08", _archive("a ZIP archive")),
    (0, b"Rar!\x1a\x07", _archive("a RAR archive")),
    (0, b"7z\xbc\xaf\x27\x1c", _archive("a 7z archive")),
    (257, b"ustar", _archive("a TAR archive")),
    (0, b"\x1f\x8b", _archive("a packed file (gzip)")),
    (0, b"BZh", _archive("a packed file (bzip2)")),
    (0, b"\xfd7zXZ\0", _archive("a packed file (xz)")),
    (0, b"\x28\xb5\x2f\xfd", _archive("a packed file (zstd)")),
    (0, b"\x04\x22\x4d\x18", _archive("a packed file (lz4)")),
    (0, b"LZIP", _archive("a packed file (lzip)")),
    (0, b"MSCF", _archive("a CAB archive")),
    (2, b"-lh", _archive("an LHA archive")),
    (7, b"**ACE**", _archive("an ACE archive")),
    (32769, b"CD001", _archive("a disc image (ISO)")),
    (4, b"ftypaax ", protected("an Audible book (AAX)")),
    (4, b"ftypaaxc", protected("an Audible book (AAXC)")),
    (4, b"\x57\x90\x75\x36", protected("an Audible book (AA)")),
    (0, b"\x89PNG", _PICTURE),
    (0, b"\xff\xd8\xff", _PICTURE),
    (0, b"GIF8", _PICTURE),
    (0, b"II*\0", _PICTURE),
    (0, b"MM\0*", _PICTURE),
    (0, b"8BPS", _PICTURE),
    (4, b"ftypheic", _PICTURE),
    (4, b"ftypmif1", _PICTURE),
    (4, b"ftypavif", _PICTURE),
    (8, b"WEBP", _PICTURE),
    (0, b"%PDF", _no_sound("a PDF document")),
    (0, b"MThd", _no_sound("a MIDI file (notes)", f"Play it into a recording first. {_READ}")),
    (8, b"RMIDMThd", _no_sound("a MIDI file (notes)", f"Play it into a recording first. {_READ}")),
    (0, b"IMPM", _MODULE),
    (0, b"Extended Module:", _MODULE),
    (44, b"SCRM", _MODULE),
    (1080, b"M.K.", _MODULE),
    (0, b"MPCK", _unread("Musepack")),
    (0, b"MP+", _unread("Musepack")),
    (0, b"MAC ", _unread("Monkey's Audio (APE)")),
    (0, b"TTA", _unread("True Audio (TTA)")),
    (0, b"tBaK", _unread("TAK")),
    (0, b"OFR ", _unread("OptimFROG")),
    (0, b"ajkg", _unread("Shorten")),
    (0, b"DSD ", _unread("DSD (DSF)")),
    (0, b"FRM8", _unread("DSD (DFF)")),
    (0, b"#!AMR", _unread("AMR speech")),
    (0, b".ra\xfd", _unread("RealAudio")),
    (0, b".RMF", _unread("RealMedia")),
    (0, b"\x0b\x77", _unread("Dolby Digital (AC-3)")),
    (0, b"\x7f\xfe\x80\x01", _unread("DTS")),
    (4, b"\xf8\x72\x6f\xba", _unread("Dolby TrueHD")),
    (4, b"\xf8\x72\x6f\xbb", _unread("MLP")),
    (0, b"FLV\x01", _unread("an FLV video")),
    (8, b"AVI ", _unread("an AVI video")),
    (0, b"\0\0\x01\xba", _unread("an MPEG video")),
    (0, b"\0\0\x01\xb3", _unread("an MPEG video")),
    (0, b"Creative Voice File", _unread("VOC")),
    (0, b"NIST_1A", _unread("NIST SPHERE")),
    (0, b"#EXTM3U", _no_sound("a list of songs (M3U)", _LIST_ADVICE)),
    (0, b"[playlist]", _no_sound("a list of songs (PLS)", _LIST_ADVICE)),
    (0, b"\0\x05\x16\x07", _no_sound("what macOS keeps beside a file (AppleDouble)", "Send the song itself.")),
    (0, b"\0\0\0\x01Bud1", _no_sound("what macOS keeps about a folder (.DS_Store)", "Send the songs themselves.")),
    (0, b"bplist00", _no_sound("a placeholder or settings of Apple's", "Let iCloud download the song, and send that.")),
    (0, b"\xd0\xcf\x11\xe0", _no_sound("an Office document")),
    (0, b"\x7fELF", _no_sound("a program")),
    (0, b"MZ", _no_sound("a program")),
)
_WEB_PAGES = (b"<!doctype html", b"<html")
_PAGE = _no_sound(
    "a web page", "A download that needed a login, or a wrong link, leaves one: download the song itself."
)
HEAD_BYTES = 32 * 1024 + 16


def find_kind(head: bytes) -> FileKind:
    """The kind of a file that could not be opened, by its first HEAD_BYTES."""
    for offset, signature, kind in _SIGNATURES:
        if head.startswith(signature, offset):
            return kind
    if head[:1] == b"G" and head[188:189] == b"G" and head[376:377] == b"G":
        return _unread("an MPEG transport stream (TS)")
    start = head[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(_WEB_PAGES):
        return _PAGE
    if start.startswith(b"<?xml") and b"<playlist" in head[:4096]:
        return _no_sound("a list of songs (XSPF)", _LIST_ADVICE)
    if is_text(head[:4096]):
        return _no_sound("a text")
    return UNKNOWN


def codec_kind(name: str) -> FileKind:
    """The refusal of sound whose codec is not read, by ffmpeg's name of it."""
    words = {
        "ac3": "Dolby Digital (AC-3)",
        "eac3": "Dolby Digital Plus (E-AC-3)",
        "dca": "DTS",
        "truehd": "Dolby TrueHD",
    }
    coded = words.get(name, name.upper() if name else "an unknown codec")
    return FileKind(
        reason="FORMAT_NOT_READ", message=f"The file's sound is coded as {coded}, which is not read here. {_READ}"
    )


def begins_as_audio(head: bytes) -> bool:
    """True for the first bytes of a readable format. A cut m4a cannot be opened: its index is at its end."""
    if head[4:8] == b"ftyp":
        return True
    if head[:4] in (b"RIFF", b"FORM", b"RF64"):
        return head[8:12] in (b"WAVE", b"AIFF", b"AIFC")
    return (
        head[:4] in (b"fLaC", b"OggS", b"\x1aE\xdf\xa3", b"caff", b"wvpk", b".snd", b"riff", b"0&\xb2u")
        or head[:3] == b"ID3"
    )


def is_text(head: bytes) -> bool:
    """True for readable text without control characters."""
    try:
        text = head.decode()
    except UnicodeDecodeError as failure:
        if failure.start < len(head) - 4:  # a character may be cut at the end
            return False
        text = head[: failure.start].decode()
    return bool(text) and all(character.isprintable() or character in "\t\r\n\f" for character in text)


def id3_bytes(head: bytes) -> int:
    """The length of the ID3v2 tag at the start of a file; 0 for none."""
    if len(head) < 10 or head[:3] != b"ID3" or any(byte & 0x80 for byte in head[6:10]):
        return 0
    size = (head[6] << 21) | (head[7] << 14) | (head[8] << 7) | head[9]
    return 10 + size + (10 if head[5] & 0x10 else 0)
