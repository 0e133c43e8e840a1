"""Signatures over the chain's head, by ed25519 keys: `manifest.sig`, a line each.

A signature says: whoever holds this key saw the chain end here at that time. It proves nothing to somebody who got the
public key from the same place as the archive.
"""

from __future__ import annotations

import fcntl
import json
import os
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from archive.config import ArchiveDir
from archive.errors import MuragatError
from archive.verify.chain import Chain, read_chain
from archive.verify.findings import SIGNATURES, Kind, Report
from archive.warc import warc_date


@dataclass(frozen=True)
class Signature:
    """One line of manifest.sig."""

    line: int
    head: str
    at: str
    key: str  # fingerprint of the public key
    signature: bytes


def new_key(path: Path) -> str:
    """Make a key pair, PATH (only its owner can read it) and PATH.pub; the public key's fingerprint."""
    key = Ed25519PrivateKey.generate()
    public = path.with_name(path.name + ".pub")
    if public.exists():
        raise MuragatError(f"{public} exists; name another file, a key is never overwritten")
    private_bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(private_bytes)
        public.write_bytes(
            key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
    except FileExistsError as error:
        raise MuragatError(f"{path} exists; name another file, a key is never overwritten") from error
    except OSError as error:
        raise MuragatError(f"{path}: a key cannot be written there: {error.strerror}") from error
    return fingerprint(key.public_key())


def fingerprint(key: Ed25519PublicKey) -> str:
    """`sha256:HEX` of the 32 bytes of a public key."""
    return "sha256:" + sha256(_raw(key)).hexdigest()


def sign(directory: ArchiveDir, key_file: Path, *, at: datetime) -> Signature:
    """Sign the chain's head as it is now. Raises MuragatError when the key's earlier signatures do not hold."""
    key = _private_key(key_file)
    chain = read_chain(directory)
    if chain.head is None:
        raise MuragatError(f"{directory.manifest} has no line yet, so there is nothing to sign; `muragat crawl` first")
    report, mark = Report(), fingerprint(key.public_key())
    if _signatures(directory, mark, report):
        check_signatures(directory, chain, key.public_key(), report)
    if report.findings:
        raise MuragatError(f"not signed, because an earlier signature does not hold: {report.findings[0]}")
    signature = key.sign(_statement(chain.head, warc_date(at)))
    line = {"head": chain.head, "at": warc_date(at), "key": mark, "signature": b64encode(signature).decode()}
    with _path(directory).open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        before = file.read()
        if before and not before.endswith(b"\n"):
            file.write(b"\n")  # whoever wrote that line died over it
        file.write(json.dumps(line).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
        number = len(before.splitlines()) + 1
    return Signature(number, chain.head, warc_date(at), mark, signature)


def read_public_key(path: Path) -> Ed25519PublicKey:
    """A public key in PEM. Raises MuragatError in one line when it is none."""
    content = _read(path)
    try:
        key = serialization.load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        hint = "; this is the private one, name PATH.pub" if b"PRIVATE KEY" in content else ""
        raise MuragatError(f"{path} is not a public key in PEM{hint}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise MuragatError(f"{path} is not an ed25519 key; `muragat verify --new-key PATH` makes one")
    return key


def check_signatures(directory: ArchiveDir, chain: Chain, key: Ed25519PublicKey, report: Report) -> None:
    """Every signature by this key must be true and over a head that the chain contains; the newest one is told."""
    mark = fingerprint(key)
    signatures = _signatures(directory, mark, report)
    newest: tuple[int, Signature] | None = None  # lines newer than it, and itself
    for one in signatures:
        try:
            key.verify(one.signature, _statement(one.head, one.at))
        except InvalidSignature:
            report.add(Kind.SIGNATURE, SIGNATURES, one.line, "the signature is false: the line was changed or forged")
            continue
        newer = chain.newer_than(one.head)
        if newer is None:
            message = f"signed at {one.at}, but the chain does not contain the head {one.head}: it was rewritten or cut"
            report.add(Kind.SIGNATURE, SIGNATURES, one.line, message)
        elif newest is None or newer <= newest[0]:
            newest = (newer, one)
    if newest:
        report.signed = f"signed at {newest[1].at} by {mark}; {newest[0]} lines are newer"
    elif not signatures:
        report.add(Kind.SIGNATURE, SIGNATURES, None, f"no signature by the key {mark}")


def _signatures(directory: ArchiveDir, mark: str, report: Report) -> list[Signature]:
    path = _path(directory)
    found = []
    for number, line in enumerate(path.read_bytes().splitlines() if path.is_file() else [], 1):
        try:
            said = json.loads(line)
            head, at, key = str(said["head"]), str(said["at"]), str(said["key"])
            signature = b64decode(str(said["signature"]), validate=True)
        except (ValueError, KeyError, TypeError):
            report.add(Kind.SIGNATURE, SIGNATURES, number, "this line is not a signature: it was damaged")
            continue
        if key == mark:
            found.append(Signature(number, head, at, key, signature))
    return found


def _statement(head: str, at: str) -> bytes:
    """What is signed: the time too, so that nobody can date a signature back."""
    return f"muragat manifest head\n{head}\n{at}\n".encode()


def _private_key(path: Path) -> Ed25519PrivateKey:
    content = _read(path)
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except TypeError as error:
        raise MuragatError(f"{path} is locked with a password, which muragat cannot ask for") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        hint = "; this is the public one" if b"PUBLIC KEY" in content else ""
        raise MuragatError(f"{path} is not a private key in PEM{hint}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise MuragatError(f"{path} is not an ed25519 key; `muragat verify --new-key PATH` makes one")
    return key


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64 * 1024)
    except OSError as error:
        raise MuragatError(f"{path}: the key cannot be read: {error.strerror}") from error


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def _path(directory: ArchiveDir) -> Path:
    return directory.manifest.with_name(SIGNATURES)
