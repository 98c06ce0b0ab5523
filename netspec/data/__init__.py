"""Readers of data, their declared fields, and the preprocessing that training, evaluation and the exported model share."""
