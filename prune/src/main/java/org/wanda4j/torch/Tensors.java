package org.wanda4j.torch;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.sparse.Mask;

/// The border between memory segments and libtorch. Nothing is copied on the way.
final class Tensors {

    /// Whether bf16 is multiplied as fp32 and the sum rounded once, which is what CPUs do that are fast at bf16: with all others
    /// libtorch takes three to forty times as long for bf16.
    private static final boolean WIDENS = !ComputeType.multipliesBf16();

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
        tensor.cpu().contiguous().data_ptr_long().get(values);
        return values;
    }

    /// Values of the host where `like` is; the tensor itself where that is the host.
    static Tensor beside(Tensor like, Tensor host) {
        return host.to(like.device(), host.scalar_type());
    }

    /// All elements, in row order, as fp32.
    static float[] floats(Tensor tensor) {
        float[] values = new float[Math.toIntExact(tensor.numel())];
        tensor.to(ScalarType.Float).cpu().contiguous().data_ptr_float().get(values);
        return values;
    }

    /// rows x columns of a mask, 1 for weights that stay; fp32.
    static Tensor surviving(Mask mask) {
        Tensor surviving =
                torch.empty(
                        new long[] {mask.rows(), mask.columns()},
                        new TensorOptions(ScalarType.Float),
                        new MemoryFormatOptional());
        FloatPointer values = surviving.data_ptr_float();
        float[] row = new float[mask.columns()];
        for (int i = 0; i < mask.rows(); i++) {
            mask.kept(i, row);
            values.position((long) i * row.length).put(row);
        }
        return surviving;
    }

    /// `cap tanh(values / cap)` in the memory of the values, but for gradients: that of tanh is computed from its result, which must
    /// stay.
    static Tensor capped(Tensor values, double cap) {
        Tensor bounded = values.div_(new Scalar(cap)).tanh_();
        return bounded.requires_grad()
                ? bounded.mul(new Scalar(cap))
                : bounded.mul_(new Scalar(cap));
    }

    /// Keeps a tensor past the scope that it was made in, until its reference is released.
    static Tensor kept(Tensor tensor) {
        tensor.retainReference();
        return tensor;
    }

    /// `left right`, of two matrices or of as many on either side.
    static Tensor product(Tensor left, Tensor right) {
        return operand(left).matmul(operand(right)).to(left.scalar_type());
    }

    /// `input weight^T + bias`
    static Tensor linear(Tensor input, Tensor weight, Optional<Tensor> bias) {
        return torch.linear(operand(input), operand(weight), optional(bias.map(Tensors::operand)))
                .to(input.scalar_type());
    }

    static TensorOptional optional(Optional<Tensor> tensor) {
        return tensor.map(TensorOptional::new).orElseGet(TensorOptional::new);
    }

    /// `sum <- sum + left right`
    static Tensor addProduct(Tensor sum, Tensor left, Tensor right) {
        Tensor wide = operand(sum).addmm_(operand(left), operand(right));
        return widens(sum) ? sum.copy_(wide) : sum;
    }

    /// In the type that products of its type are computed in.
    private static Tensor operand(Tensor tensor) {
        return widens(tensor) ? tensor.to(ScalarType.Float) : tensor;
    }

    private static boolean widens(Tensor tensor) {
        return WIDENS && tensor.scalar_type() == ScalarType.BFloat16 && !tensor.is_cuda();
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
