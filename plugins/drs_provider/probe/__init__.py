"""The probe: a look at a port or a URL, from the triggerer or from a Lambda function in the recovered network."""
