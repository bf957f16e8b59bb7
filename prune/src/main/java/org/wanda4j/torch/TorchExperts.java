package org.wanda4j.torch;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.wanda4j.model.Experts;
import org.wanda4j.torch.Weights.LoadedLinear;

/// A mixture of experts. Between the two steps lie the rows of all experts, one behind the other in the order of the
/// experts, tokens x chosen of them, then those of the shared MLP. What is computed for one expert, converted copies of its
/// matrices included, is freed before the next.
final class TorchExperts implements TorchMixer {

    private final Experts experts;
    private final List<TorchMlp> mlps = new ArrayList<>();
    private final Optional<TorchMlp> shared;
    private final LoadedLinear router;
    private final Optional<LoadedLinear> sharedGate;

    TorchExperts(Experts experts, Map<String, LoadedLinear> linears, Weights weights) {
        this.experts = experts;
        experts.experts().forEach(mlp -> mlps.add(new TorchMlp(mlp, linears)));
        this.shared = experts.shared().map(mlp -> new TorchMlp(mlp, linears));
        this.router = weights.linear(experts.router());
        this.sharedGate = experts.sharedGate().map(weights::linear);
    }

    /// Which tokens go to which expert.
    ///
    /// @param tokens of each expert in turn: tokens x chosen of them, int64
    /// @param weights of the same, fp32
    /// @param counts tokens of each expert
    private record Routing(Tensor tokens, Tensor weights, long[] counts) {

        /// The number of the first row of an expert.
        long start(int expert) {
            long start = 0;
            for (int i = 0; i < expert; i++) {
                start += counts[i];
            }
            return start;
        }

        Tensor tokensOf(int expert) {
            return tokens.narrow(0, start(expert), counts[expert]);
        }

        Tensor weightsOf(int expert) {
            return weights.narrow(0, start(expert), counts[expert]).view(-1, 1);
        }
    }

    private Routing route(Tensor input) {
        Tensor logits = router.apply(input);
        Tensor all = torch.softmax(logits, -1, new ScalarTypeOptional(ScalarType.Float));
        T_TensorTensor_T top = all.topk(experts.chosen(), -1, true, true);
        Tensor values = top.get0();
        if (experts.normalised()) {
            values = values.div(values.sum(new long[] {-1}, true, new ScalarTypeOptional()));
        }
        return routing(Tensors.longs(top.get1()), values.reshape(-1));
    }

    /// @param ids expert of each choice, token after token
    /// @param values weight of each choice
    private Routing routing(long[] ids, Tensor values) {
        long[] counts = new long[mlps.size()];
        for (long id : ids) {
            counts[(int) id]++;
        }
        long[] next = new long[counts.length];
        for (int i = 1; i < next.length; i++) {
            next[i] = next[i - 1] + counts[i - 1];
        }
        long[] order = new long[ids.length];
        long[] tokens = new long[ids.length];
        for (int i = 0; i < ids.length; i++) {
            int place = (int) next[(int) ids[i]]++;
            order[place] = i;
            tokens[place] = i / experts.chosen();
        }
        // Copies, in libtorch's own memory: gradients need them when this scope has ended.
        return new Routing(
                Tensors.beside(values, Tensors.of(tokens).clone()),
                values.index_select(0, Tensors.beside(values, Tensors.of(order).clone())),
                counts);
    }

    @Override
    public void advance(Tensor input, Batch batch, Tensor result) {
        Tensor entered = input.clone(); // The result may lie where the input does.
        Routing routing = route(entered);
        Tensor flat = result.view(-1);
        for (int i = 0; i < mlps.size(); i++) {
            if (routing.counts()[i] > 0) {
                try (var _ = new PointerScope()) {
                    Tensor rows = entered.index_select(0, routing.tokensOf(i));
                    mlps.get(i).activate(rows, rowsOf(i, routing, flat));
                }
            }
        }
        shared.ifPresent(mlp -> mlp.activate(entered, sharedRows(entered.size(0), flat)));
    }

    private Tensor rowsOf(int expert, Routing routing, Tensor flat) {
        long inner = mlps.get(expert).mlp().width();
        long count = routing.counts()[expert];
        return flat.narrow(0, routing.start(expert) * inner, count * inner).view(count, inner);
    }

    private Tensor sharedRows(long tokens, Tensor flat) {
        long inner = shared.orElseThrow().mlp().width();
        return flat.narrow(0, flat.numel() - tokens * inner, tokens * inner).view(tokens, inner);
    }

    @Override
    public Tensor finish(Supplier<Tensor> input, Tensor between) {
        Tensor entered = input.get();
        Routing routing = route(entered);
        Tensor flat = between.reshape(-1);
        Tensor sum = torch.zeros_like(entered);
        for (int i = 0; i < mlps.size(); i++) {
            if (routing.counts()[i] > 0) {
                try (var _ = new PointerScope()) {
                    Tensor given = mlps.get(i).down().apply(rowsOf(i, routing, flat));
                    Tensor weighted = given.mul(routing.weightsOf(i)).to(sum.scalar_type());
                    sum.index_add_(0, routing.tokensOf(i), weighted);
                }
            }
        }
        shared.ifPresent(mlp ->
                sum.add_(gated(entered, mlp.down().apply(sharedRows(entered.size(0), flat)))));
        return sum;
    }

    private Tensor gated(Tensor entered, Tensor given) {
        return sharedGate.map(gate -> given.mul(gate.apply(entered).sigmoid())).orElse(given);
    }

    @Override
    public IntFunction<StageInput> inputs(
            int step, Supplier<Tensor> input, Tensor between, boolean everything) {
        int others = shared.isPresent() ? 1 : 0;
        Tensor entered = input.get();
        Tensor flat = between.reshape(-1);
        Routing routing = route(entered);
        return part ->
                part < others
                        ? StageInput.all(step == 0 ? entered : sharedRows(entered.size(0), flat))
                        : everything
                                ? ofAll(part - others, step, entered)
                                : ofRouted(part - others, step, entered, flat, routing);
    }

    private StageInput ofAll(int expert, int step, Tensor entered) {
        return StageInput.all(step == 0 ? entered : mlps.get(expert).active(entered));
    }

    private StageInput ofRouted(
            int expert, int step, Tensor entered, Tensor flat, Routing routing) {
        Tensor tokens = routing.tokensOf(expert);
        Tensor rows = step == 0 ? entered.index_select(0, tokens) : rowsOf(expert, routing, flat);
        return new StageInput(rows, Optional.of(tokens));
    }

    @Override
    public Tensor differentiable(Tensor input, int windows, int length) {
        Routing routing = route(input);
        Tensor sum = torch.zeros_like(input);
        for (int i = 0; i < mlps.size(); i++) {
            if (routing.counts()[i] > 0) {
                Tensor rows = input.index_select(0, routing.tokensOf(i));
                Tensor given = mlps.get(i).differentiable(rows, windows, length);
                Tensor weighted = given.mul(routing.weightsOf(i)).to(sum.scalar_type());
                sum = sum.index_add(0, routing.tokensOf(i), weighted);
            }
        }
        return shared.isPresent()
                ? sum.add(gated(input, shared.get().differentiable(input, windows, length)))
                : sum;
    }
}
