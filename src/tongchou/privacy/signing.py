"""Ed25519 keys that sign what leaves the house (签名): the secret in the key file, the other half
with whoever checks."""
from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (Ed25519PrivateKey,
                                                               Ed25519PublicKey)

SECRET_BYTES = PUBLIC_BYTES = 32


@dataclass(frozen=True)
class SigningKey:
    """A key by its number; `made` is when, in UTC: what was closed since then must be signed."""

    key_id: int
    secret: bytes
    made: str

    @property
    def public(self) -> bytes:
        """The half that checks, 32 bytes: no secret."""
        return Ed25519PrivateKey.from_private_bytes(self.secret).public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """The signature of a message, 64 bytes."""
        return Ed25519PrivateKey.from_private_bytes(self.secret).sign(message)


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the holder of the key's secret signed this message."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
