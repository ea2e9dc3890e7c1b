"""Files (文件上传下载): 9101, 9102."""
from __future__ import annotations

from ...settlement import local_time
from .. import catalogue_files, exchange
from ..call import Answer, Call


def upload(call: Call) -> Answer:
    """9101 文件上传: what a later transaction (3202) names by its number."""
    row = call.input.one("fsUploadIn")
    content, filename = exchange.content_of(row.get("in")), row.text("filename", "upload.txt")
    return Answer({".": {"file_qury_no": exchange.number_of(call), "filename": filename[:200],
                         "fixmedins_code": call.profile.code,
                         "dld_end_time": local_time(exchange.until(call))}},
                  (exchange.keeping(call, filename[:200], "upload", content),))


def download(call: Call) -> Answer:
    """9102 文件下载: the file itself is the reply. A catalogue's is made anew, under whatever
    fixmedins_code (plc); any other must be the institution's own."""
    number = call.input.one("fsDownloadIn").need("file_qury_no")
    if catalogue_files.is_catalogue(number):
        return Answer({}, file=catalogue_files.content(call, number))
    return Answer({}, file=exchange.kept(call, number))


HANDLERS = {"9101": upload, "9102": download}
