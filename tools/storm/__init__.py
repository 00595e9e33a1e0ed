"""Storms: the system under faults by seed. test/storm/ is their part in the machine."""
