"""The keepalived.conf language: text → words → tree → settings → model, with diagnostics.

    tokens    text to words with their positions
    tree      words to statements and blocks
    schema    the form of a row of the table, and of what is read by it
    values    the kinds of arguments
    table     every supported keyword, one row each
    known     what to say of the others
    reading   tree and table to typed settings
    routers   settings to virtual routers
    services  settings to virtual services
    loading   all of these, one after another

The whole room is pure: it opens no file and asks nothing of the system.
"""

from trimaran.conf.diagnostics import Diagnostic, Severity, Span, printable
from trimaran.conf.loading import Result, load, refused

__all__ = ["Diagnostic", "Result", "Severity", "Span", "load", "printable", "refused"]
