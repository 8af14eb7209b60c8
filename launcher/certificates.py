"""A certificate authority of our own for the demo and test directories, so that TLS is checked there as elsewhere."""

import datetime as dt
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_FOR = dt.timedelta(days=820)
RENEW_BEFORE = dt.timedelta(days=60)


@dataclass(frozen=True)
class Certificates:
    """PEM files of one server: the authority to trust, the server's certificate and its private key."""

    authority: Path
    certificate: Path
    key: Path


def ensure_certificates(folder: Path, *, address: str = "127.0.0.1", name: str = "roamkeep-directory") -> Certificates:
    """Return the certificate of a server at this IP address, made on the first call and again before it ends.

    The authority's private key is thrown away once it has signed: nothing else can ever be issued in its name.
    """
    made = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    if not _still_good(made, address):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(made, address, name)
    return made


def _still_good(files: Certificates, address: str) -> bool:
    if not all(path.exists() for path in (files.authority, files.certificate, files.key)):
        return False
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        ipaddress.ip_address(address) in names.get_values_for_type(x509.IPAddress)
        and certificate.not_valid_after_utc - RENEW_BEFORE > _now()
    )


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)  # noqa: TID251 - the launcher runs without Django


def _make(files: Certificates, address: str, name: str) -> None:
    authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Roamkeep demo and test authority")])
    authority = (
        _draft(issuer, issuer, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    certificate = (
        _draft(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), issuer, server_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address)), x509.DNSName(name)]),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    _write(files.authority, authority.public_bytes(serialization.Encoding.PEM))
    _write(files.certificate, certificate.public_bytes(serialization.Encoding.PEM))
    _write(
        files.key,
        server_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


def _draft(subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        # A machine whose clock lags by an hour still finds the certificate valid.
        .not_valid_before(_now() - dt.timedelta(hours=1))
        .not_valid_after(_now() + VALID_FOR)
    )


def _key_usage(**wanted: bool) -> x509.KeyUsage:
    every = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: wanted.get(name, False) for name in every})


def _write(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
