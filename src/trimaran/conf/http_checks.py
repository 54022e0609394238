"""From `HTTP_GET` and `SSL_GET` blocks to health checks."""

from typing import Any

from trimaran.conf.check_blocks import CheckBlock
from trimaran.conf.schema import Keyword, Setting, nearest
from trimaran.conf.table import http_checks as table
from trimaran.conf.table.check_words import CHECK_RETRY
from trimaran.model import regex
from trimaran.model.check import HttpCheck, Regex, Tls, Url


def http_check(block: CheckBlock) -> HttpCheck:
    """An `HTTP_GET`; what is wrong is reported."""
    return _check(block, None)


def ssl_check(block: CheckBlock) -> HttpCheck:
    """An `SSL_GET`; what is wrong is reported."""
    check = block.check
    ours = block.service.last(table.SSL)
    authorities = check.get(table.VERIFY_CERTIFICATE)

    def our(keyword: Keyword[str]) -> str:
        return (ours.get(keyword) or "") if ours else ""

    tls = Tls(
        server_name=_server_name(block),
        verify=authorities is not None,
        authorities=authorities or (our(table.CA) if authorities is not None else ""),
        certificate=our(table.CERTIFICATE),
        key=our(table.KEY),
        password=our(table.PASSWORD),
    )
    return _check(block, tls)


def _server_name(block: CheckBlock) -> str:
    setting = block.check.last(table.ENABLE_SNI)
    name = block.check.get(table.SNI_NAME)
    if name is not None:
        return name
    if setting is None:
        return ""
    name = _host(block)
    if not name:
        block.report.warning(
            setting.word, "enable_sni has no name to tell", "write virtualhost or sni_name"
        )
    return name


def _host(block: CheckBlock) -> str:
    said = (setting.get(table.VIRTUALHOST) for setting in block.blocks)
    return next((name for name in said if name is not None), "")


def _check(block: CheckBlock, tls: Tls | None) -> HttpCheck:
    check = block.check
    if (old := check.last(table.NB_GET_RETRY)) is not None:
        block.report.warning(old.word, "nb_get_retry is obsolete", "write 'retry'")
        if old.value is not None and check.last(CHECK_RETRY) is None:
            check.add(CHECK_RETRY, old)
    timing = block.timing(delay=table.HTTP_DELAY_BEFORE_RETRY)
    return HttpCheck(
        **block.connection(timing),
        urls=tuple(_url(url, block) for url in check.all(table.URL)),
        protocol=check[table.HTTP_PROTOCOL],
        tls=tls,
    )


def _url(url: Setting[Any], block: CheckBlock) -> Url:
    return Url(
        url.get(table.PATH) or "/",
        url.get(table.VIRTUALHOST) or _host(block),
        url.get(table.STATUS_CODE) or ((200, 299),),
        url.get(table.DIGEST),
        _regex(url, block),
        nearest(table.TLS_COMPLIANT, url, block.check),
    )


def _regex(url: Setting[Any], block: CheckBlock) -> Regex | None:
    setting = url.last(table.REGEX)
    if setting is None or setting.value is None:
        return None
    made = Regex(
        setting.value,
        url[table.REGEX_NO_MATCH],
        url.get(table.REGEX_OPTIONS) or (),
        url[table.REGEX_MIN_OFFSET],
        url.get(table.REGEX_MAX_OFFSET) or None,
    )
    try:
        regex.check(made)
    except regex.BadPattern as error:
        block.report.error(setting.at, f"this is not a regex of PCRE2: {error}")
    return made
