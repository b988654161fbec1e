"""What Numba has no function for: bits, products of 128 bits, and fetching ahead."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


@intrinsic
def bits_of(typingctx: Any, value: Any) -> Any:
    """The bits of a float, as a signed integer of the same size."""
    return _reinterpreted(value, types.int32 if value == types.float32 else types.int64)


@intrinsic
def float_of(typingctx: Any, bits: Any) -> Any:
    """The float, of the same size, that has these bits."""
    return _reinterpreted(bits, types.float32 if bits == types.int32 else types.float64)


def _reinterpreted(value: Any, as_type: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(as_type))

    return as_type(value), codegen


@intrinsic
def lowest_bit(typingctx: Any, bits: Any) -> Any:
    """The position of the lowest bit that is set, where any is."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), codegen


@intrinsic
def which_above_one(typingctx: Any, array: Any, first: Any) -> Any:
    """Which of 64 numbers of an array, from one on, are above 1: a bit for each."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        of = context.make_array(signature.args[0])(context, builder, args[0])
        numbers = ir.VectorType(context.get_data_type(array.dtype), 64)
        place = builder.gep(of.data, [args[1]])
        place = builder.bitcast(place, numbers.as_pointer())
        size = context.get_abi_sizeof(numbers.element)
        values = builder.load(place, align=size)
        ones = ir.Constant(numbers, [1.0] * 64)
        above = builder.fcmp_ordered(">", values, ones)
        return builder.bitcast(above, ir.IntType(64))

    return types.uint64(array, types.intp), codegen


@intrinsic
def high_product(typingctx: Any, a: Any, b: Any) -> Any:
    """Upper 64 of the 128 bits of the product of two unsigned integers."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        wide = ir.IntType(128)
        a, b = (builder.zext(arg, wide) for arg in args)
        high = builder.lshr(builder.mul(a, b), ir.Constant(wide, 64))
        return builder.trunc(high, ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), codegen


@intrinsic
def prefetch(typingctx: Any, array: Any, index: Any) -> Any:
    """Have the processor fetch an element of an array that is needed soon."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        of = context.make_array(signature.args[0])(context, builder, args[0])
        place = builder.gep(of.data, [args[1]])
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        fetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        to_read, second_cache, data = (ir.Constant(word, i) for i in (0, 2, 1))
        place = builder.bitcast(place, byte)
        builder.call(fetch, [place, to_read, second_cache, data])
        return context.get_dummy_value()

    return types.void(array, types.intp), codegen
