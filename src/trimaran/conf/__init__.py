"""The keepalived.conf language: text → words → tree → settings → model, with diagnostics.

    surroundings  what of the world a file may refer to, given by the caller
    lines         files to lines of words: includes, conditions, definitions, repetitions
      tokens        lines to words with their positions
      inclusion     which files `include` names
      definitions   `$NAME=` and what is put in for `$NAME`
      repetitions   `~SEQ` and `~LST`
    tree          words to statements and blocks
    schema        the form of a row of the table, and of what is read by it
    values        the kinds of arguments
    table/        every supported keyword, one row each, a file for each family of blocks
    known         what to say of the others
    reading       tree and table to typed settings
    routers       settings to virtual routers
    services      settings to virtual services
    checks        settings to health checks
    memory        what an earlier reading made of the blocks that are as they were
    loading       all of these, one after another

The whole room is pure: it opens no file and asks nothing of the system.
"""

from trimaran.conf.diagnostics import Diagnostic, Severity, Span, printable
from trimaran.conf.loading import Result, fitted, load, refused
from trimaran.conf.memory import Memory
from trimaran.conf.surroundings import Surroundings, Unreadable

__all__ = [
    "Diagnostic",
    "Memory",
    "Result",
    "Severity",
    "Span",
    "Surroundings",
    "Unreadable",
    "fitted",
    "load",
    "printable",
    "refused",
]
