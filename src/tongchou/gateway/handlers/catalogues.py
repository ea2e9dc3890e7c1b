"""Dictionary, catalogues, and the institution's own list (字典、目录、对照): 1901, 1301 to 1306A,
1304, 1312, 1316 to 1319, 3301, 3302."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

from ...money import yuan_text
from ...settlement import local_time
from ...settlement.catalogue import CATEGORIES, CLASSES, KINDS, Item
from ...terms import INSURANCE
from .. import catalogue_files, dictionary, exchange, mapping_store
from ..call import Answer, Call
from ..reading import Row
from ..refusals import declined
from .paging import page_of

YES, NO = "1", "0"
OPEN_END = "9999-12-31"
NOT_SAID = "9"                 # 其他, where the standard wants a code and the catalogue has none
LIMIT_LEVELS = (("3", ("3", "")), ("2", ("2", "")), ("1", ("1", "")))   # hilist_lmtpric_type
OVER_LIMIT = "1"               # overlmt_dspo_way: what is over the limit is the person's
RATIO_KIND = "10"              # selfpay_prop_type 目录先自付比例
RATIO_ALL, RETIRED = "99", "330"
PPM_DIGITS, SHOWN_DIGITS = 6, 4
KIND_OF_LIST = {term.national: name for name, term in KINDS.items()}
FOREIGN_VERSION = "未识别的版本号，按全量下发"
UP_TO_DATE = "已是最新版本，文件无数据"


# --- dictionary -----------------------------------------------------------------------------------
def words(call: Call) -> Answer:
    """1901 字典表查询: one type; all of them as a file where none is named (S3)."""
    kind = call.input.one().text("type")
    if not kind:
        version = dictionary.VERSION
        return Answer({"list": [], "fileinfo": {
            "file_qury_no": catalogue_files.number_of(catalogue_files.DICTIONARY, version, 0),
            "filename": f"{catalogue_files.filename(catalogue_files.DICTIONARY, version)}.zip",
            "dld_end_time": _until(call)}})
    rows = dictionary.of_type(kind)
    return Answer({"list": [
        {"type": one.type, "label": one.zh, "value": one.value, "sort": one.place,
         "valiFlag": YES, "vali_flag": YES, "createDate": dictionary.SINCE,
         "create_date": dictionary.SINCE, "version": dictionary.VERSION} for one in rows]},
        warning="" if rows else f"本平台无字典 {kind[:30]}")


# --- downloads ------------------------------------------------------------------------------------
def download(call: Call) -> Answer:
    """1301 to 1306A: the number of the file with what changed since the client's version."""
    infno, text = call.envelope.infno, call.input.one().text("ver")
    version, warning = catalogue_files.last_version(call), ""
    since = catalogue_files.version_of(text) if text else 0
    if since is None or since > version:
        since, warning = 0, FOREIGN_VERSION
    count = len(catalogue_files.changed(call, infno, version, since))
    return Answer({".": {
        "file_qury_no": catalogue_files.number_of(infno, version, since),
        "filename": f"{catalogue_files.filename(infno, version)}.zip",
        "dld_end_time": _until(call), "data_cnt": count}},
        warning=warning or ("" if count else UP_TO_DATE))


def _until(call: Call) -> str:
    return local_time(call.at + timedelta(days=exchange.KEPT_DAYS))


# --- paged queries ----------------------------------------------------------------------------
class _Kept(NamedTuple):
    item: Item
    known: str                 # the day of the edition it came with


def _items(call: Call, code: str) -> Iterator[_Kept]:
    """Rows of the catalogue that a query asks for: by code, days, time of change."""
    row = call.input.one()
    changed, at, begins = (row.day(name) for name in ("updt_time", "query_date", "begndate"))
    if row.text("insu_admdvs", call.region)[:4] != call.region[:4] or \
            row.text("vali_flag", YES) != YES:
        return                 # another area's list, or what is not in force
    with call.desk.platform.database.connection() as connection:
        catalogue = call.desk.platform.catalogues.of(connection, call.region)
        times = {version: local_time(moment)[:10] for version, moment in
                 call.desk.platform.catalogues.editions(connection, call.region).items()}
    for item in catalogue.known(code) if code else catalogue.all_rows():
        known = times[catalogue_files.edition_of(item)]
        if known >= changed and item.since >= begins and (
                not at or item.since <= at < (item.until or OPEN_END)):
            yield _Kept(item, known)


def _shared(call: Call, one: _Kept) -> dict[str, object]:
    """Fields of every row of these queries."""
    return {"insu_admdvs": call.region, "begndate": one.item.since, "enddate": one.item.until,
            "memo": one.item.note, "vali_flag": YES, "updt_time": one.known, "crte_time": one.known,
            "rid": f"{one.item.code}-{one.item.row_id}"[:40], "poolarea_no": call.region,
            "optins_no": call.region, "crte_optins_no": call.region, "opt_time": one.known,
            "list_type": KINDS[one.item.kind].national, "hilist_code": one.item.code}


def _agree(row: Row, given: Mapping[str, object], *names: str) -> bool:
    """Whether a row has what the query asks for in these fields."""
    return all(row.text(name) in ("", str(given[name])) for name in names)


def ethnic_drugs(call: Call) -> Answer:
    """1304 民族药品目录查询."""
    row = call.input.one()
    name = row.text("drug_genname") or row.text("drug_prodname") or row.text("tcmherb_name")
    rows = (one for one in _items(call, row.text("med_list_codg"))
            if one.item.kind == "ethnic_drug" and name in one.item.name)
    return page_of(call, rows, lambda one: {
        **_shared(call, one), "med_list_codg": one.item.code, "drug_genname": one.item.name,
        "min_prcunt": one.item.unit, "crter_id": call.region, "crter_name": call.region,
        "opter_id": call.region, "opter_name": call.region,
        "ver": catalogue_files.version_text(catalogue_files.edition_of(one.item))})


def items(call: Call) -> Answer:
    """1312 医保目录信息查询."""
    row, name = call.input.one(), call.input.one().text("hilist_name")
    rows = (one for one in _items(call, row.text("hilist_code")) if name in one.item.name
            and _agree(row, _item_row(call, one), "med_chrgitm_type", "chrgitm_lv",
                       "lmt_used_flag", "list_type"))
    return page_of(call, rows, lambda one: _item_row(call, one))


def _item_row(call: Call, one: _Kept) -> dict[str, object]:
    item = one.item
    return {**_shared(call, one), "hilist_name": item.name,
            "med_chrgitm_type": CATEGORIES[item.category].national,
            "chrgitm_lv": CLASSES[item.item_class].national,
            "lmt_used_flag": YES if catalogue_files.restricted(item) else NO,
            "med_use_flag": YES, "matn_used_flag": YES, "hilist_use_type": NOT_SAID,
            "lmt_cpnd_type": NOT_SAID}


def matches(call: Call) -> Answer:
    """1316 医疗目录与医保目录匹配: here an item has one code in both."""
    row = call.input.one()
    code, other = row.text("hilist_code"), row.text("med_list_codg")
    rows = () if code and other and code != other else (
        one for one in _items(call, code or other)
        if _agree(row, _shared(call, one), "list_type"))
    return page_of(call, rows, lambda one: {**_shared(call, one), "med_list_codg": one.item.code})


def price_limits(call: Call) -> Answer:
    """1318 医保目录限价: by level of hospital; lower ones than level 1 have the code of 1."""
    row = call.input.one()
    rows = (made for one in _items(call, row.text("hilist_code")) for made in _limits(call, one)
            if _agree(row, made, "hilist_lmtpric_type", "overlmt_dspo_way"))
    return page_of(call, rows, dict)


def _limits(call: Call, one: _Kept) -> Iterator[dict[str, object]]:
    for code, levels in LIMIT_LEVELS:
        fen = one.item.price_limit_fen(levels)
        if fen is not None:
            yield {**_shared(call, one), "hilist_lmtpric_type": code,
                   "overlmt_dspo_way": OVER_LIMIT, "hilist_pric_uplmt_amt": yuan_text(fen)}


def ratios(call: Call) -> Answer:
    """1319 医保目录先自付比例: by insurance, 99 for all others."""
    row = call.input.one()
    rows = (made for one in _items(call, row.text("hilist_code")) for made in _ratios(call, one)
            if _agree(row, made, "selfpay_prop_psn_type", "selfpay_prop_type"))
    return page_of(call, rows, dict)


def _ratios(call: Call, one: _Kept) -> Iterator[dict[str, object]]:
    whole = 10 ** PPM_DIGITS
    own = one.item.first_self_pay_ppm or {"": whole if one.item.item_class == "C" else 0}
    for scheme, ppm in sorted(own.items()):
        national = INSURANCE[scheme].national if scheme else RATIO_ALL
        over, rest = divmod(ppm, whole)
        yield {**_shared(call, one), "selfpay_prop_type": RATIO_KIND,
               "selfpay_prop_psn_type": RETIRED if scheme == "retired_cadres" else national,
               "selfpay_prop": f"{over}.{rest:0{PPM_DIGITS}d}"[:2 + SHOWN_DIGITS]}


# --- the institution's own list -------------------------------------------------------------------
MAPPED = ("fixmedins_hilist_id", "fixmedins_hilist_name", "list_type", "med_list_codg", "begndate",
          "enddate")


def put_mappings(call: Call) -> Answer:
    """3301 目录对照上传: all rows or none; what was sent before for the same pair is replaced."""
    rows = call.input.rows("data")
    if not rows:
        raise declined("missing-field", "没有对照数据", "data")
    made = [(row.where, _entry(row)) for row in rows]
    with call.desk.platform.database.connection() as connection:
        catalogue = call.desk.platform.catalogues.of(connection, call.region)
    for where, one in made:
        known = catalogue.known(one.national)
        if not known:
            raise declined("unknown-item", f"医保目录中无此编码 {one.national[:30]}",
                           f"{where}.med_list_codg")
        if all(item.kind != KIND_OF_LIST[one.list_type] for item in known):
            raise declined("other-list", f"{one.national} 属目录类别 "
                           f"{KINDS[known[-1].kind].national}", f"{where}.list_type")

    def write(connection: object) -> None:
        for place, (where, one) in enumerate(made):
            number = f"{call.slot.digest.hex()[:24]}{place:05d}"
            other = mapping_store.put(connection, call.profile.code, number, one, call.at,
                                      call.envelope.opter)
            if other:
                raise declined("already-mapped", f"{one.own} 在此期间已对照到 {other}，请先撤销"
                               "（3302）", where)

    return Answer({}, (write,))


def _entry(row: Row) -> mapping_store.Entry:
    if row.need("list_type") not in KIND_OF_LIST:
        raise declined("unknown-code", f"目录类别 {row['list_type'][:10]} 无法识别",
                       f"{row.where}.list_type")
    row.need("begndate")
    first, last = row.day("begndate"), row.day("enddate")
    if last and last < first:
        raise declined("dates-out-of-order", "结束日期早于开始日期", f"{row.where}.enddate")
    return mapping_store.Entry(
        row.need("fixmedins_hilist_id")[:30], row.need("fixmedins_hilist_name")[:200],
        row["list_type"], row.need("med_list_codg"), first, "" if last >= OPEN_END else last,
        {name: value for name, value in row.items() if value and name not in MAPPED})


def take_back_mapping(call: Call) -> Answer:
    """3302 目录对照撤销, one at a time."""
    row = call.input.one()
    _own_only(call, row)
    own, kind, national = (row.need(name) for name in ("fixmedins_hilist_id", "list_type",
                                                       "med_list_codg"))

    def write(connection: object) -> None:
        if not mapping_store.withdraw(connection, call.profile.code, own, kind, national, call.at,
                                      call.envelope.opter):
            raise declined("unknown-mapping", "无此对照，或已撤销",
                           f"fixmedins_hilist_id {own[:30]}")

    return Answer({}, (write,))


def _own_only(call: Call, row: Row) -> None:
    if row.text("fixmedins_code", call.profile.code) != call.profile.code:
        raise declined("not-own-institution", "只能操作本机构的目录对照", "fixmedins_code")


def mappings(call: Call) -> Answer:
    """1317 医药机构目录匹配信息查询: the institution's own; withdrawn ones with vali_flag 0."""
    row = call.input.one()
    _own_only(call, row)
    with call.desk.platform.database.connection() as connection:
        kept = mapping_store.of(connection, call.profile.code)
    changed, at, begins = (row.day(name) for name in ("updt_time", "query_date", "begndate"))
    name = row.text("medins_list_name")
    rows = (made for one in kept if name in one.name
            and (not at or one.first.isoformat() <= at < _day(one.until, OPEN_END))
            and _agree(row, made := _mapping_row(call, one), "medins_list_codg", "list_type",
                       "med_list_codg", "vali_flag")
            and str(made["updt_time"]) >= changed and str(made["begndate"]) >= begins)
    return page_of(call, rows, dict)


def _mapping_row(call: Call, one: mapping_store.Kept) -> dict[str, object]:
    last = (one.until - timedelta(days=1)).isoformat() if one.until else ""
    return {**one.facts, "fixmedins_code": call.profile.code, "medins_list_codg": one.own,
            "medins_list_name": one.name, "insu_admdvs": call.region, "list_type": one.list_type,
            "med_list_codg": one.national, "begndate": one.first.isoformat(), "enddate": last,
            "vali_flag": NO if one.withdrawn_at else YES, "rid": one.number,
            "updt_time": _moment(one.withdrawn_at or one.sent_at),
            "crte_time": _moment(one.sent_at), "poolarea_no": call.region}


def _moment(at: datetime) -> str:
    return local_time(at)[:10]


def _day(day: date | None, default: str) -> str:
    return day.isoformat() if day else default


HANDLERS = {"1901": words, "1304": ethnic_drugs, "1312": items, "1316": matches,
            "1317": mappings, "1318": price_limits, "1319": ratios, "3301": put_mappings,
            "3302": take_back_mapping,
            **dict.fromkeys(catalogue_files.KINDS_OF, download)}
