"""Hosts in network namespaces, faults and measurements: one lab for people, demo and tests."""
