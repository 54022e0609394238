"""Connection synchronisation between directors, by the protocol of IPVS (ipvs-semantics 4.10).

`datagram` is the codec, `master` says what is announced and when, `backup` what a record that
arrives does. Without I/O: whoever owns a dataplane and a socket drives it.
"""
