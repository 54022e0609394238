"""Keywords of `HTTP_GET` and `SSL_GET`."""

from typing import Any

from trimaran.conf.schema import Block, Keyword
from trimaran.conf.table.check_words import DELAY_BEFORE_RETRY, check
from trimaran.conf.values import UINT32, Boolean, Choice, Flag, Integer, Optional, Text
from trimaran.conf.values_http import Digest, HostName, Names, PagePath, StatusCodes
from trimaran.model.duration import SECOND
from trimaran.model.regex import OPTIONS

_LARGEST_OFFSET = 2**31 - 1

VIRTUALHOST = Keyword(
    "virtualhost", HostName(), "The host that HTTP checks ask for where they do not say."
)
PATH = Keyword("path", PagePath(), "What to ask for.", required="write 'path /'")
STATUS_CODE = Keyword(
    "status_code",
    StatusCodes(),
    "The status codes of a good answer. Default: 200-299.",
)
DIGEST = Keyword("digest", Digest(), "The MD5 digest of a good answer's body, as of `genhash`.")
REGEX = Keyword(
    "regex",
    Text("PATTERN"),
    "What the body of a good answer matches: PCRE2. Its first 256 KiB are searched.",
)
REGEX_NO_MATCH = Keyword(
    "regex_no_match", Flag(), "A good answer does not match `regex`.", default=False
)
REGEX_OPTIONS = Keyword[tuple[str, ...]](
    "regex_options", Names(OPTIONS), "PCRE2's options for `regex`."
)
REGEX_MIN_OFFSET = Keyword(
    "regex_min_offset", Integer(0, _LARGEST_OFFSET), "Where a match may start first.", default=0
)
REGEX_MAX_OFFSET = Keyword(
    "regex_max_offset", Integer(0, _LARGEST_OFFSET), "Where it may start last; 0: anywhere."
)
_REGEX_STACK = Keyword(
    "regex_stack",
    Text("START MAX"),
    "PCRE2's stack.",
    ignored="not needed, ignored: the stack grows as it has to",
)
TLS_COMPLIANT = Keyword(
    "tls_compliant",
    Boolean(),
    "A connection must end with TLS's close_notify.",
    default=False,
)
_URL_WORDS: tuple[Keyword[Any], ...] = (
    PATH,
    STATUS_CODE,
    DIGEST,
    VIRTUALHOST,
    REGEX,
    REGEX_NO_MATCH,
    REGEX_OPTIONS,
    REGEX_MIN_OFFSET,
    REGEX_MAX_OFFSET,
    _REGEX_STACK,
)


def _url(check_name: str, *more: Keyword[Any]) -> Keyword[bool]:
    return Keyword(
        "url",
        Flag(),
        "A page; all must be good. Each check asks for all of them, one after another.",
        repeats=True,
        block=Block(f"virtual_server/real_server/{check_name}/url", (*_URL_WORDS, *more)),
        required="write 'url { path / }'",
    )


URL = _url("HTTP_GET")
HTTP_PROTOCOL = Keyword(
    "http_protocol",
    Choice({form: form for form in ("1.0", "1.0C", "1.0K", "1.1")}, any_case=True),
    "The version of HTTP; with C the request has 'Connection: close', with K 'keep-alive'.",
    default="1.0",
)
NB_GET_RETRY = Keyword("nb_get_retry", Integer(0, UINT32), "Obsolete: `retry`.")
ENABLE_SNI = Keyword("enable_sni", Flag(), "Tell the server which host is meant.", default=False)
SNI_NAME = Keyword("sni_name", HostName(), "The host to tell. Default: virtualhost.")
_FAST_RECOVERY = Keyword(
    "fast_recovery",
    Flag(),
    "No delay between urls.",
    ignored="not needed, ignored: each check asks for all urls",
)
VERIFY_CERTIFICATE = Keyword(
    "verify_certificate",
    Optional(Text("CA_FILE"), ""),
    "The server's certificate must be good, for the host of SNI or else the address, by the "
    "authorities in this file or by those of this host. Not a word of keepalived, which never "
    "verifies.",
)
OWN = (VERIFY_CERTIFICATE,)
"""What keepalived does not have."""

HTTP_DELAY_BEFORE_RETRY = Keyword(
    "delay_before_retry",
    DELAY_BEFORE_RETRY.argument,
    DELAY_BEFORE_RETRY.about,
    default=3 * SECOND,
)
_WORDS: tuple[Keyword[Any], ...] = (
    VIRTUALHOST,
    HTTP_PROTOCOL,
    NB_GET_RETRY,
    _FAST_RECOVERY,
    ENABLE_SNI,
    SNI_NAME,
)
HTTP_GET = check(
    "HTTP_GET",
    "The server is fit if it answers requests for pages as it should.",
    URL,
    *_WORDS,
    delay=HTTP_DELAY_BEFORE_RETRY,
    block_optional=False,
)
SSL_GET = check(
    "SSL_GET",
    "As `HTTP_GET`, with TLS.",
    _url("SSL_GET", TLS_COMPLIANT),
    *_WORDS,
    TLS_COMPLIANT,
    VERIFY_CERTIFICATE,
    delay=HTTP_DELAY_BEFORE_RETRY,
    block_optional=False,
)

CERTIFICATE = Keyword("certificate", Text("FILE"), "Our own certificate.")
KEY = Keyword("key", Text("FILE"), "Its key.")
PASSWORD = Keyword("password", Text("TEXT"), "What the key is encrypted with.")
CA = Keyword("ca", Text("FILE"), "Authorities, for `verify_certificate`.")
SSL = Keyword(
    "SSL",
    Flag(),
    "What `SSL_GET` says of itself to servers that ask.",
    block=Block("SSL", (CERTIFICATE, KEY, PASSWORD, CA)),
)
