"""What is offered has a model and a handler; everything else of the interface says so."""
from __future__ import annotations

import pytest
from gateway_city import City
from identities import national
from standard import standard  # noqa: F401

from tongchou.gateway.handlers import CHAPTERS, offered
from tongchou.gateway.nodes import names_of_all, transactions

CATALOGUES = {"1301", "1302", "1303", "1304", "1305", "1306", "1306A", "1312", "1316", "1317",
              "1318", "1319", "1901"}


def test_every_handler_has_a_model_and_the_reverse() -> None:
    assert offered().keys() == transactions().keys()
    assert sum(len(chapter.HANDLERS) for chapter in CHAPTERS) == len(offered())     # none twice


def test_catalogues_audit_mapping_and_lists_are_offered() -> None:
    asked = CATALOGUES | {"1201", "3101", "3102", "3103", "3301", "3302", "4101", "4102", "4103",
                          "4104", "4105"}
    assert not asked - offered().keys()


@pytest.mark.usefixtures("standard")
def test_every_transaction_of_the_standard_has_a_name_here() -> None:
    assert not national().keys() - names_of_all().keys()


@pytest.mark.usefixtures("standard")
def test_the_rest_of_the_standard_is_declined_in_words(city: City) -> None:
    hospital = city.hospital("H52990100001")
    for infno in sorted(national().keys() - offered().keys()):
        said = hospital.refused(infno, {"data": {}})
        assert "未开通" in said and infno in said
