"""How many VIPs, in which order of hosts, so that the directors survive their losses evenly.

The model: N hosts, V VIPs; each VIP has a weight and a list, an order of all hosts. When the
hosts S are lost, a VIP is held by the first host of its list outside S (that is what VRRP does
with distinct priorities and preemption). A plan must be good for every loss of a family: any
`survive` hosts, or any `survive_domains` failure domains, or part of these.

    demand = Demand(hosts, survive=1, traffic=Fraction(1_500_000_000))
    answer = planner.plan(demand)          # raises problem.Infeasible
    evaluate.evaluate(demand, weights, lists), evaluate.loads(weights, lists, lost)
    rebalance.rebalance(old, demand)       # a host joins or leaves
    alternatives.compare(answer)           # where VRRP is the wrong tool, against ECMP

Numbers are exact (fractions). Chance comes from a seed, so that a plan can be made again.
The theorems are stated where they are used: `perfect` (perfect balance) and `bounds` (B1 to B3).
"""
