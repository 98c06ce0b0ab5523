"""The language: YAML text -> spanned tree -> document; expressions. Knows no op."""
