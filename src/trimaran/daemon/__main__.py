"""`python -m trimaran.daemon NAME --bus FD`: one child of the steward."""

from trimaran.daemon.child import main

main()
