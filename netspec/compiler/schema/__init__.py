"""The language as a JSON Schema (draft-07), for editors (yaml-language-server) and other tools.

Everything comes from the declarations of the language: its tables of keys, the ops, the initialisers. The schema is
the form of a spec. What it cannot say, and only `netspec check` finds:

- a block's name that is misspelt, a second block's name in one layer, and a block's arguments: names of a file;
- references, duplicate names, selectors and ties: names of the network;
- what an expression gives, and that it can be read;
- shapes, element types, and all that depends on them; budgets; what `expect` measures;
- other files: that they are there, and what they have; fields of data, and how they fit losses and metrics;
- what a YAML parser of its own refuses: tags, merge keys, aliases, duplicate keys, nesting.
"""

from netspec.compiler.schema.document import json_schema

__all__ = ["json_schema"]
