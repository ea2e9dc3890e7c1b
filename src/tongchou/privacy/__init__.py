"""Personal data: sealed at rest, found by a keyed index, masked when shown (个人信息保护, floor 2).

Two suites of algorithms stand side by side: the national ones (SM4-GCM, HMAC-SM3) and the
international ones (AES-256-GCM, HMAC-SHA256). Every stored value says which made it.
"""
from .keys import (DEMO_FILE, KEY_FILE_VARIABLE, KeyRing, add_signing_key, make_key_file, open_keys,
                   read_keys, rotate_keys)
from .masking import ROLES, mask_certificate, mask_name, mask_phone, shown
from .signing import SigningKey, is_signed
from .suites import SUITES

__all__ = ["DEMO_FILE", "KEY_FILE_VARIABLE", "KeyRing", "ROLES", "SUITES", "SigningKey",
           "add_signing_key", "is_signed", "make_key_file", "mask_certificate", "mask_name",
           "mask_phone", "open_keys", "read_keys", "rotate_keys", "shown"]
