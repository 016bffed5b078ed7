"""Content credentials (C2PA): signing of delivered files, and reading.

A process makes a certificate of its own at its first start and keeps it in the data folder; an operator's own replaces it by setting.
A self-made certificate proves that a file was not changed since it was signed. Who signed it is proved by one that others trust.
"""

from __future__ import annotations

import datetime
import io
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from resonance.audio.delivery.tags import Provenance
from resonance.errors import InvalidInput
from resonance.settings import Settings

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
COMPOSITE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
CREATED = "c2pa.created"
GENERATOR = "Resonance"
RECIPE_LABEL = "org.resonance.recipe"
_VALID_DAYS = 3650
_SIGNER = "content-credentials"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A certificate chain and its private key, both PEM, and C2PA's name of the algorithm."""

    chain: bytes
    key: bytes
    algorithm: str

    def sign(self, media_type: str, source: BinaryIO, target: BinaryIO, provenance: Provenance) -> None:
        """Writes the file in `source` with its credentials into `target`. Both are seekable; the sound stays as it is."""
        import c2pa

        info = c2pa.C2paSignerInfo(self.algorithm.encode(), self.chain, self.key, None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of the library about itself
            with c2pa.Signer.from_info(info) as signer, c2pa.Builder(_manifest(provenance)) as builder:
                builder.sign(signer, media_type, source, target)


def signed(credentials: Credentials, media_type: str, data: bytes, provenance: Provenance) -> bytes:
    """The file with its credentials."""
    target = io.BytesIO()
    credentials.sign(media_type, io.BytesIO(data), target, provenance)
    return target.getvalue()


def open_credentials(settings: Settings) -> Credentials:
    """The operator's certificate, or the one in the data folder, which is made if there is none yet.

    Raises:
        InvalidInput: the files of the settings cannot be read, or only one of both is named.
    """
    chain, key = settings.c2pa_certificate, settings.c2pa_key
    if bool(chain) != bool(key):
        raise InvalidInput(
            "RESONANCE_C2PA_CERTIFICATE and RESONANCE_C2PA_KEY belong together", reason="INVALID_SETTING"
        )
    if chain:
        try:
            return _load(Path(chain).read_bytes(), Path(key).read_bytes())
        except (OSError, ValueError) as failure:
            message = f"RESONANCE_C2PA_CERTIFICATE or RESONANCE_C2PA_KEY cannot be used: {failure}"
            raise InvalidInput(message, reason="INVALID_SETTING") from failure
    folder = settings.data_dir / _SIGNER
    own = folder / "signer.pem"
    if not own.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_once(own, b"".join(_self_made()))
    made = own.read_bytes()
    at = made.index(b"-----BEGIN PRIVATE KEY-----")
    return _load(made[:at], made[at:])


def _manifest(provenance: Provenance) -> dict[str, Any]:
    comment = provenance.info.get("ICMT", "")
    agent = {"name": GENERATOR} | ({"version": provenance.model_id} if provenance.model_id else {})
    created = {
        "action": CREATED,
        "digitalSourceType": COMPOSITE_TYPE if provenance.is_composite else SOURCE_TYPE,
        "softwareAgent": agent,
        "description": comment[:500],
    }
    recipe = {"recipe_id": provenance.recipe_id, "model": provenance.model_id, "made": comment}
    return {
        "claim_generator_info": [{"name": GENERATOR, "version": "0.1.0"}],
        "title": provenance.info.get("INAM", GENERATOR),
        "assertions": [
            {"label": "c2pa.actions", "data": {"actions": [created]}},
            {"label": RECIPE_LABEL, "data": recipe},
        ],
    }


def _load(chain: bytes, key: bytes) -> Credentials:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    loaded = serialization.load_pem_private_key(key, None)
    if isinstance(loaded, ed25519.Ed25519PrivateKey):
        algorithm = "ed25519"
    elif isinstance(loaded, ec.EllipticCurvePrivateKey):
        algorithm = {256: "es256", 384: "es384", 521: "es512"}.get(loaded.key_size, "es256")
    elif isinstance(loaded, rsa.RSAPrivateKey):
        algorithm = "ps256"
    else:
        raise ValueError("the key is neither Ed25519 nor elliptic nor RSA")
    if b"-----BEGIN CERTIFICATE-----" not in chain:
        raise ValueError("there is no certificate in PEM form")
    plain = loaded.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Credentials(chain=chain, key=plain, algorithm=algorithm)


def _self_made() -> tuple[bytes, bytes]:
    """A signing certificate under a root of its own, as C2PA asks (a signer may not be its own issuer), and the signer's key.

    The root's key is thrown away, so that nothing else can be signed by it.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    now = datetime.datetime.now(datetime.UTC)
    root_key, key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()

    def name(common: str) -> x509.Name:
        texts = {NameOID.COMMON_NAME: common, NameOID.ORGANIZATION_NAME: f"{GENERATOR} (self-made certificate)"}
        return x509.Name([x509.NameAttribute(kind, text) for kind, text in texts.items()])

    def usage(*, signs: bool) -> x509.KeyUsage:
        others = dict.fromkeys(
            (
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "encipher_only",
                "decipher_only",
            ),
            False,
        )
        return x509.KeyUsage(digital_signature=signs, key_cert_sign=not signs, crl_sign=not signs, **others)

    def certificate(common: str, public: Any, *, is_root: bool) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(common))
            .issuer_name(name(f"{GENERATOR} root"))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=_VALID_DAYS))
            .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
            .add_extension(usage(signs=not is_root), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        )
        if not is_root:
            builder = builder.add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
            )
        return builder.sign(root_key, None)

    pem = serialization.Encoding.PEM
    signer = certificate(f"{GENERATOR} signer", key.public_key(), is_root=False).public_bytes(pem)
    root = certificate(f"{GENERATOR} root", root_key.public_key(), is_root=True).public_bytes(pem)
    return signer + root, key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _write_once(path: Path, data: bytes) -> None:
    """Writes the file for its owner alone. Of two processes that start together one wins, and both read its file."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    try:
        os.link(partial, path)
    except FileExistsError:
        pass
    finally:
        partial.unlink()
