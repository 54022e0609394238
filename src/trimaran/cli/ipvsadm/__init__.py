"""`trimaran ipvsadm`: ipvsadm 1.31, whole, on either dataplane (ipvs-semantics 7).

    options ─► request ─► run ─┬─► dataplane.steps.Operator
    words, legality            └─► listing, restore ─► views

Errors have the texts and exit statuses of ipvsadm, because scripts know them: 2 what ipvsadm
itself finds wrong, 255 what a parser or the dataplane refuses, 1 a listing that fails.
"""
