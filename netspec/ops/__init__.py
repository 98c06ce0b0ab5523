"""The ops: one class per op, in family files."""

from netspec.ops.base import Example, Main, Op, OpError, Param

__all__ = ["Example", "Main", "Op", "OpError", "Param"]
