"""Foundation models of others for tables: a pretrained network of another package reads the labelled rows to answer."""
