"""A reference client of the national provider interface (参考客户端, floor 2), for authors of HIS.

It knows nothing of the platform behind: standard library only, so that it can be read as a recipe
or copied. See docs/gateway-client.md.
"""
from .books import Books, Difference, Entry, reconcile
from .client import Client, Person
from .refusals import NoReply, Refused
from .sequences import Diagnosis, Line, Outpatient, Purchase, Settled, Stay
from .transport import Access, Message, over_http, signature, signed_headers

__all__ = ["Access", "Books", "Client", "Diagnosis", "Difference", "Entry", "Line", "Message",
           "NoReply", "Outpatient", "Person", "Purchase", "Refused", "Settled", "Stay",
           "over_http", "reconcile", "signature", "signed_headers"]
