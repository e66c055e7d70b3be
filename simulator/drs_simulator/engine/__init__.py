"""The behaviour of DRS: clock, agenda, job life cycle, rules and faults. Without moto or botocore."""
