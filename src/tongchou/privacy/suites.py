"""The port to the cryptographic library: two suites, each an authenticated cipher and a keyed hash.

`national` (国密): SM4-GCM and HMAC-SM3; `international`: AES-256-GCM and HMAC-SHA256. A key file
gives one secret a key; the keys for sealing and for the index are derived from it (HKDF), so that
neither tells anything of the other.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SUITES = {"international": 1, "national": 2}   # the first byte of everything stored
SECRET_BYTES, NONCE_BYTES, TAG_BYTES, DIGEST_BYTES = 32, 12, 16, 32
_NATIONAL = SUITES["national"]


class Damaged(ValueError):
    """A sealed value that was changed, cut, or made for another field or with another secret."""


@dataclass(frozen=True)
class Secret:
    """One key: its suite and the secret that sealing and index keys are derived from."""

    suite: int
    secret: bytes

    def seal(self, nonce: bytes, plain: bytes, bound: bytes) -> bytes:
        """Ciphertext and tag; `bound` is not hidden but must be the same when it is opened."""
        if self._whole is not None:
            return self._whole.encrypt(nonce, plain, bound)
        cipher = Cipher(self._algorithm, modes.GCM(nonce)).encryptor()
        cipher.authenticate_additional_data(bound)
        return cipher.update(plain) + cipher.finalize() + cipher.tag

    def unseal(self, nonce: bytes, sealed: bytes, bound: bytes) -> bytes:
        """What was sealed. Raises Damaged."""
        text, tag = sealed[:-TAG_BYTES], sealed[-TAG_BYTES:]
        if len(tag) < TAG_BYTES or len(nonce) < NONCE_BYTES:
            raise Damaged("too short")
        try:
            if self._whole is not None:
                return self._whole.decrypt(nonce, sealed, bound)
            cipher = Cipher(self._algorithm, modes.GCM(nonce, tag)).decryptor()
            cipher.authenticate_additional_data(bound)
            return cipher.update(text) + cipher.finalize()
        except InvalidTag:
            raise Damaged("does not verify") from None

    def digest(self, plain: bytes) -> bytes:
        """The keyed hash of a value: equal for equal values, and of no use without the key."""
        made = hmac.HMAC(self._index_key, self._hash)
        made.update(plain)
        return made.finalize()

    @property
    def _hash(self) -> hashes.HashAlgorithm:
        return hashes.SM3() if self.suite == _NATIONAL else hashes.SHA256()

    @cached_property
    def _algorithm(self) -> algorithms.SM4:
        return algorithms.SM4(self._derived(b"seal", SECRET_BYTES >> 1))   # keys of 128 bits

    @cached_property
    def _whole(self) -> AESGCM | None:
        """AES-256-GCM in one call; the library has none for SM4."""
        return None if self.suite == _NATIONAL else AESGCM(self._derived(b"seal", SECRET_BYTES))

    @cached_property
    def _index_key(self) -> bytes:
        return self._derived(b"index", SECRET_BYTES)

    def _derived(self, purpose: bytes, length: int) -> bytes:
        return HKDF(self._hash, length, None, b"tongchou " + purpose).derive(self.secret)
