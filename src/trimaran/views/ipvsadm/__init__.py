"""What ipvsadm 1.31 prints, byte for byte (ipvs-semantics 7.4 to 7.7).

Services are printed in the order given; ipvsadm's own is that of `order`. One deliberate
difference: ipvsadm reads a destination's 64-bit counters as 32-bit ones, so that it shows
connections and packets modulo 2^32; here they are shown as they are.
"""
