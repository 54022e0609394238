"""`HTTP_GET` and `SSL_GET`: each page by a connection of its own, one after another."""

import ssl
from functools import lru_cache

from trimaran.daemon.attempts.failure import Failed
from trimaran.daemon.attempts.stream import Stream
from trimaran.health import http
from trimaran.health.verdict import Verdict
from trimaran.model.check import HttpCheck, Tls, Url


async def attempt(check: HttpCheck) -> Verdict:
    """Ask for all pages; the first that is not good decides. Raises Failed."""
    verdict = Verdict(True, "no page is asked for")
    for url in check.urls:
        verdict = await _page(check, url)
        if not verdict.up:
            break
    return verdict


async def _page(check: HttpCheck, url: Url) -> Verdict:
    answer = http.Answer(url)
    async with Stream(check) as stream:
        if check.tls is not None:
            name = check.tls.server_name or (str(check.address) if check.tls.verify else None)
            await stream.start_tls(context(check.tls), name)
        await stream.send(http.request(check, url))
        while True:
            data = await stream.receive(compliant=url.tls_compliant)
            if (verdict := answer.take(data)) is not None:
                break
        while verdict.up and url.tls_compliant and data:
            data = await stream.receive(compliant=True)
        return verdict


@lru_cache(maxsize=1024)
def context(tls: Tls) -> ssl.SSLContext:
    """What OpenSSL needs to know; kept, since authorities take long to load. Raises Failed."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if not tls.verify:
            made.check_hostname = False
            made.verify_mode = ssl.CERT_NONE
        elif tls.authorities:
            made.load_verify_locations(cafile=tls.authorities)
        else:
            made.load_default_certs()
        if tls.certificate:
            made.load_cert_chain(tls.certificate, tls.key or None, lambda: tls.password)
    except (OSError, ssl.SSLError) as error:
        files = " or ".join(filter(None, (tls.authorities, tls.certificate, tls.key)))
        raise Failed(Verdict(None, f"cannot use {files}: {error}")) from None
    return made
