package org.wanda4j.torch;

import java.lang.foreign.MemorySegment;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.TensorView;

/// The border between memory segments and libtorch. Nothing is copied on the way.
final class Tensors {

    private Tensors() {}

    /// A tensor over the memory of `view`, valid as long as that memory is.
    static Tensor over(TensorView view) {
        long[] shape = view.shape().stream().mapToLong(Long::longValue).toArray();
        return over(view.data(), scalar(view.type()), shape);
    }

    /// A tensor over `data`, valid as long as that memory is.
    static Tensor over(MemorySegment data, ScalarType type, long... shape) {
        return torch.from_blob(new Address(data), shape, new TensorOptions(type));
    }

    /// A tensor of whole numbers of the given shape, in memory of the scope at hand; a vector where none is given.
    static Tensor of(long[] values, long... shape) {
        return torch.from_blob(
                new LongPointer(values),
                shape.length == 0 ? new long[] {values.length} : shape,
                new TensorOptions(ScalarType.Long));
    }

    /// A tensor of the given shape, in memory of the scope at hand.
    static Tensor of(float[] values, long... shape) {
        return torch.from_blob(
                new FloatPointer(values), shape, new TensorOptions(ScalarType.Float));
    }

    /// All elements of a tensor of whole numbers, in row order.
    static long[] longs(Tensor tensor) {
        long[] values = new long[Math.toIntExact(tensor.numel())];
        tensor.contiguous().data_ptr_long().get(values);
        return values;
    }

    /// `cap tanh(values / cap)` in the memory of the values, but for gradients: that of tanh is computed from its result, which must
    /// stay.
    static Tensor capped(Tensor values, double cap) {
        Tensor bounded = values.div_(new Scalar(cap)).tanh_();
        return bounded.requires_grad()
                ? bounded.mul(new Scalar(cap))
                : bounded.mul_(new Scalar(cap));
    }

    private static ScalarType scalar(DType type) {
        return switch (type) {
            case F32 -> ScalarType.Float;
            case F16 -> ScalarType.Half;
            case BF16 -> ScalarType.BFloat16;
            default -> throw new IllegalArgumentException("not a weight type: " + type);
        };
    }

    /// A pointer that owns nothing.
    static final class Address extends Pointer {
        Address(MemorySegment data) {
            this.address = data.address();
        }
    }
}
