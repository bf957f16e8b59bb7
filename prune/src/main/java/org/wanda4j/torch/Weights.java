package org.wanda4j.torch;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Norm;
import org.wanda4j.torch.KernelTimes.Kernel;

/// Weights as libtorch sees them: the mapped memory itself where the types agree, else a converted copy. Matrices that are
/// converted at each use have a copy only meanwhile.
final class Weights implements AutoCloseable {

    private final Function<MatrixView, Tensor> source;
    private final ScalarType type;
    private final ScalarType matrices;
    private final ScalarType products;
    private final boolean convertsAhead;
    private final Device device;
    private final KernelTimes times = new KernelTimes();
    private final List<Tensor> owned = new ArrayList<>();
    private final Map<MatrixView, Tensor> loaded = new LinkedHashMap<>();

    /// @param source from a matrix or vector of the checkpoint to its memory, which must outlive this
    Weights(Function<MatrixView, TensorView> source, ComputeType type) {
        this(source, type, true);
    }

    /// @param convertsAhead whether matrices of another type are converted when they are loaded, else at each use
    Weights(Function<MatrixView, TensorView> source, ComputeType type, boolean convertsAhead) {
        this(overHost(source), type, type, type, convertsAhead, Device.HOST);
    }

    /// Weights on a device.
    Weights(Function<MatrixView, TensorView> source, ComputeType type, Device device) {
        this(overHost(source).andThen(device::here), type, type, type, true, device);
    }

    /// @param source from a matrix or vector to its values where the device has them
    /// @param matrices what the matrices of linears are held in
    /// @param products what linears multiply in
    private Weights(
            Function<MatrixView, Tensor> source,
            ComputeType type,
            ComputeType matrices,
            ComputeType products,
            boolean convertsAhead,
            Device device) {
        this.device = device;
        this.source = source;
        this.type = type.scalar();
        this.matrices = matrices.scalar();
        this.products = products.scalar();
        this.convertsAhead = convertsAhead;
    }

    private static Function<MatrixView, Tensor> overHost(Function<MatrixView, TensorView> source) {
        return view -> Tensors.over(source.apply(view));
    }

    /// In fp32, for linears that multiply in `products`.
    ///
    /// @param source from a matrix or vector to its values where the device has them, fp32
    static Weights fp32(Function<MatrixView, Tensor> source, ComputeType products, Device device) {
        return new Weights(source, ComputeType.FP32, ComputeType.FP32, products, true, device);
    }

    /// For activations in fp32 between linears that hold and multiply their matrices in `products`: converted once, not for
    /// each product.
    ///
    /// @param trained the weights that are trained, by where they lie in the checkpoint
    /// @param fixed the others
    /// @param memory for them; outlives this
    static Weights mixed(
            Map<MatrixView, TrainedWeight> trained,
            FixedWeights fixed,
            ComputeType products,
            Arena memory) {
        return new Weights(
                view ->
                        trained.containsKey(view)
                                ? trained.get(view).values(memory)
                                : fixed.values(view, memory),
                ComputeType.FP32,
                products,
                products,
                true,
                fixed.device());
    }

    ScalarType type() {
        return type;
    }

    /// Times of all that is computed with these weights.
    KernelTimes times() {
        return times;
    }

    /// One tensor for each view: its gradient is the sum over all parts that read it.
    Tensor load(MatrixView view) {
        return load(view, type);
    }

    /// The matrix of a linear.
    Tensor matrix(MatrixView view) {
        return convertsAhead ? load(view, matrices) : keep(source.apply(view));
    }

    private Tensor load(MatrixView view, ScalarType as) {
        return loaded.computeIfAbsent(view, each -> adopt(() -> source.apply(each), as));
    }

    /// What was loaded.
    Map<MatrixView, Tensor> loaded() {
        return loaded;
    }

    private Tensor adopt(Supplier<Tensor> values, ScalarType as) {
        try (var _ = new PointerScope()) {
            return keep(converted(values.get(), as));
        }
    }

    /// A tensor of the host's where these weights lie, in another type; itself where nothing differs.
    Tensor here(Tensor host, ScalarType as) {
        return converted(device.here(host), as);
    }

    private static Tensor converted(Tensor values, ScalarType as) {
        return values.scalar_type() == as ? values : values.to(as);
    }

    /// Keeps a tensor past the scope that it was made in, until this closes.
    Tensor keep(Tensor tensor) {
        tensor.retainReference();
        owned.add(tensor);
        device.share(tensor);
        return tensor;
    }

    /// `x W^T + b`.
    LoadedLinear linear(Linear linear) {
        return new LoadedLinear(
                matrix(linear.weight()), linear.bias().map(this::load), products, times);
    }

    /// A matrix that is not the checkpoint's.
    Tensor matrix(TensorView weight) {
        return convertsAhead
                ? adopt(() -> device.here(Tensors.over(weight)), matrices)
                : keep(Tensors.over(weight));
    }

    /// Frees a matrix that is no longer read.
    void drop(Tensor matrix) {
        loaded.values().remove(matrix);
        owned.remove(matrix);
        matrix.releaseReference();
    }

    LoadedNorm norm(Norm norm) {
        return new LoadedNorm(norm, loaded(norm.weight()), loaded(norm.bias()));
    }

    private List<Tensor> loaded(List<MatrixView> views) {
        return views.stream().map(this::load).toList();
    }

    record LoadedLinear(
            Tensor weight, Optional<Tensor> bias, ScalarType products, KernelTimes times) {

        /// This with another matrix.
        LoadedLinear with(Tensor other) {
            return new LoadedLinear(other, bias, products, times);
        }

        /// The result is of the input's type.
        Tensor apply(Tensor input) {
            return times.time(
                    Kernel.LINEARS,
                    () ->
                            Tensors.linear(
                                            input.to(products),
                                            weight.to(products),
                                            bias.map(it -> it.to(products)))
                                    .to(input.scalar_type()));
        }

        /// Adds the result to `sum`, in its memory.
        void addTo(Tensor sum, Tensor input) {
            times.time(
                    Kernel.LINEARS,
                    () -> {
                        Tensor added =
                                Tensors.addProduct(sum, input, weight.to(sum.scalar_type()).t());
                        return bias.map(added::add_).orElse(added);
                    });
        }
    }

    /// @param weight its values, one tensor behind the other
    /// @param bias likewise
    record LoadedNorm(Norm norm, List<Tensor> weight, List<Tensor> bias) {

        Tensor apply(Tensor input) {
            if (norm.span() < norm.width()) {
                return byHead(input);
            }
            long[] width = {norm.width()};
            if (norm.kind() == Norm.Kind.LAYER) {
                return torch.layer_norm(
                        input,
                        width,
                        Tensors.optional(joined(weight)),
                        Tensors.optional(joined(bias)),
                        norm.epsilon(),
                        false);
            }
            Tensor wide = input.to(ScalarType.Float);
            Tensor normed =
                    torch.rms_norm(
                            wide, width, new TensorOptional(), new DoubleOptional(norm.epsilon()));
            if (norm.offset() != 0) {
                return normed.mul_(offsetWeight()).to(input.scalar_type());
            }
            Tensor rounded = normed.to(input.scalar_type());
            return joined(weight).map(rounded::mul_).orElse(rounded);
        }

        /// In fp32: the sum has more digits than the weight's own type may have.
        private Tensor offsetWeight() {
            return joined(weight).orElseThrow().to(ScalarType.Float).add(new Scalar(norm.offset()));
        }

        /// Every `span` values by themselves, then all weights.
        private Tensor byHead(Tensor input) {
            Norm plain =
                    new Norm(
                            norm.kind(),
                            norm.span(),
                            norm.span(),
                            norm.epsilon(),
                            List.of(),
                            List.of(),
                            0);
            Tensor normed =
                    new LoadedNorm(plain, List.of(), List.of())
                            .apply(input.reshape(-1, norm.span()))
                            .view(input.sizes());
            joined(weight).ifPresent(normed::mul_);
            joined(bias).ifPresent(normed::add_);
            return normed;
        }

        private static Optional<Tensor> joined(List<Tensor> parts) {
            if (parts.isEmpty() || (parts.size() == 1 && parts.getFirst().dim() == 1)) {
                return parts.stream().findFirst();
            }
            Tensor[] flat = parts.stream().map(Tensor::flatten).toArray(Tensor[]::new);
            return Optional.of(torch.cat(new TensorVector(flat), 0));
        }
    }

    @Override
    public void close() {
        owned.forEach(Tensor::releaseReference);
        owned.clear();
    }
}
