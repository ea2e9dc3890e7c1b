"""Personal data: sealed at rest, found by a keyed index, masked when shown (个人信息保护, floor 2).

Two suites of algorithms stand side by side: the national ones (SM4-GCM, HMAC-SM3) and the
international ones (AES-256-GCM, HMAC-SHA256). Every stored value says which made it.
"""
from .keys import KEY_FILE_VARIABLE, KeyRing, make_key_file, open_keys, read_keys, rotate_keys
from .masking import ROLES, mask_certificate, mask_name, mask_phone, shown
from .suites import SUITES

__all__ = ["KEY_FILE_VARIABLE", "KeyRing", "ROLES", "SUITES", "make_key_file",
           "mask_certificate", "mask_name", "mask_phone", "open_keys", "read_keys", "rotate_keys",
           "shown"]
