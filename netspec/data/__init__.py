"""Readers of data, the fields they declare, and preprocessing that training, evaluation and deployment share."""
