"""What DRS's neighbours do over simulated time: SSM, Lambda, Route 53, CloudWatch's alarms."""
