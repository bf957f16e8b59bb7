package org.wanda4j.runtime.internal.decode;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.wanda4j.model.Experts;
import org.wanda4j.runtime.internal.decode.ActivationBuffers.Use;
import org.wanda4j.runtime.internal.decode.DecoderWeights.Projection;
import org.wanda4j.runtime.internal.decode.ParallelKernels.Epilogue;
import org.wanda4j.runtime.internal.decode.ParallelKernels.Input;

/// A mixture of experts on a batch. A batch is computed expert by expert, so that each expert's matrices are read once. The
/// experts of a single token are computed together, so that there is one barrier for all of them.
final class ExpertsStep implements MixerStep {

    /// In place of a probability.
    private static final float TAKEN = -1;

    private final Experts experts;
    private final ParallelKernels kernels;
    private final ActivationBuffers buffers;
    private final List<MlpStep> mlps;
    private final Optional<MlpStep> shared;

    /// The router, and the shared MLP's gate where there is one.
    private final List<Projection> routers = new ArrayList<>();

    private final List<Activations> routed = new ArrayList<>();
    private final Activations entered;
    private final Activations gathered;

    /// Experts of each token of the batch, in descending order of their weights.
    private int[] chosen = {};

    /// Weights of those experts.
    private float[] weights = {};

    ExpertsStep(
            Experts experts,
            int hidden,
            ParallelKernels kernels,
            DecoderWeights weights,
            ActivationBuffers buffers) {
        this.experts = experts;
        this.kernels = kernels;
        this.buffers = buffers;
        this.mlps =
                experts.experts().stream()
                        .map(mlp -> new MlpStep(mlp, kernels, weights, buffers))
                        .toList();
        this.shared = experts.shared().map(mlp -> new MlpStep(mlp, kernels, weights, buffers));
        this.routers.add(weights.projection(experts.router()));
        this.routed.add(buffers.of(Use.ROUTED, mlps.size()));
        experts.sharedGate()
                .ifPresent(gate -> {
                    routers.add(weights.projection(gate));
                    routed.add(buffers.of(Use.SHARED_GATE, 1));
                });
        this.entered = buffers.of(Use.ENTERED, hidden);
        this.gathered = buffers.of(Use.GATHERED, hidden);
    }

    @Override
    public void run(DecodeBatch batch, Input input, Activations result, Epilogue epilogue) {
        int tokens = batch.tokens();
        kernels.project(routers, input, tokens, routed);
        if (chosen.length < tokens * experts.chosen()) {
            chosen = new int[tokens * experts.chosen()];
            weights = new float[tokens * experts.chosen()];
        }
        kernels.threads().forEach(tokens, (_, token) -> choose(token));
        addShared(input, tokens, result);
        if (tokens == 1) {
            runTogether(input, result, epilogue);
        } else {
            runInTurn(input, tokens, result);
            kernels.run(result.size(), epilogue);
        }
    }

    /// Chooses a token's experts: those with the largest router logits, with weights by softmax.
    private void choose(int token) {
        Activations router = routed.getFirst();
        float[] values = router.values();
        int from = token * router.width();
        int end = from + mlps.size();
        float highest = Float.NEGATIVE_INFINITY;
        for (int j = from; j < end; j++) {
            highest = Math.max(highest, values[j]);
        }
        float all = 0;
        for (int j = from; j < end; j++) {
            values[j] = (float) Math.exp(values[j] - highest);
            all += values[j];
        }
        int place = token * experts.chosen();
        float sum = 0;
        for (int i = 0; i < experts.chosen(); i++) {
            int best = -1;
            for (int j = from; j < end; j++) {
                if (values[j] != TAKEN && (best < 0 || values[j] > values[best])) {
                    best = j; // where all are NaN, the first
                }
            }
            chosen[place + i] = best - from;
            weights[place + i] = values[best];
            sum += values[best];
            values[best] = TAKEN;
        }
        for (int i = place; i < place + experts.chosen(); i++) {
            weights[i] /= experts.normalised() ? sum : all;
        }
    }

    /// Initialises the result with the shared MLP's output, or with zeros.
    private void addShared(Input input, int tokens, Activations result) {
        result.reserve(tokens);
        if (shared.isEmpty()) {
            Arrays.fill(result.values(), 0, tokens * result.width(), 0);
            return;
        }
        shared.get()
                .run(
                        tokens,
                        input,
                        result,
                        (from, to) -> {
                            for (int t = 0; t < tokens && experts.sharedGate().isPresent(); t++) {
                                scale(result, t, from, to, sigmoid(routed.getLast(), t));
                            }
                        });
    }

    private static float sigmoid(Activations gate, int token) {
        return 1 / (1 + (float) Math.exp(-gate.values()[token * gate.width()]));
    }

    private static void scale(Activations x, int token, int from, int to, float factor) {
        for (int j = token * x.width() + from; j < token * x.width() + to; j++) {
            x.values()[j] *= factor;
        }
    }

    /// One token: its experts at once.
    private void runTogether(Input input, Activations result, Epilogue epilogue) {
        int count = experts.chosen();
        List<Projection> first = new ArrayList<>();
        List<Projection> last = new ArrayList<>();
        List<Activations> products = new ArrayList<>();
        List<Activations> active = new ArrayList<>();
        List<MlpStep.Between> between = new ArrayList<>();
        List<Activations> given = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            MlpStep mlp = mlps.get(chosen[i]);
            between.add(mlp.between(i));
            first.addAll(mlp.first());
            last.add(mlp.down());
            products.addAll(between.get(i).products());
            active.add(between.get(i).active());
            given.add(buffers.of(Use.GIVEN, i, result.size()));
        }
        kernels.project(
                first,
                input,
                1,
                products,
                (from, to) -> {
                    for (int i = 0; i < count; i++) {
                        mlps.get(chosen[i]).activate(between.get(i), from, to - from);
                    }
                });
        kernels.projectEach(
                last,
                active,
                given,
                (from, to) -> {
                    for (int i = 0; i < count; i++) {
                        addWeighted(given.get(i), 0, weights[i], result, 0, from, to);
                    }
                    epilogue.apply(from, to);
                });
    }

    /// Many tokens: one expert after the other, each with its own.
    private void runInTurn(Input input, int tokens, Activations result) {
        Activations x = input.x();
        if (input.norm().isPresent()) {
            kernels.norm(input.norm().get(), x, entered, tokens);
            x = entered;
        }
        Activations given = buffers.of(Use.GIVEN, result.size());
        int[] some = new int[tokens];
        float[] theirs = new float[tokens];
        for (int expert = 0; expert < mlps.size(); expert++) {
            int count = 0;
            for (int i = 0; i < tokens * experts.chosen(); i++) {
                if (chosen[i] == expert) {
                    some[count] = i / experts.chosen();
                    theirs[count++] = weights[i];
                }
            }
            if (count > 0) {
                gather(x, some, count);
                int all = count;
                mlps.get(expert)
                        .run(
                                count,
                                new Input(gathered, Optional.empty()),
                                given,
                                (from, to) -> {
                                    for (int t = 0; t < all; t++) {
                                        addWeighted(given, t, theirs[t], result, some[t], from, to);
                                    }
                                });
            }
        }
    }

    private void gather(Activations x, int[] tokens, int count) {
        gathered.reserve(count);
        kernels.threads()
                .forEach(
                        count,
                        (_, t) ->
                                System.arraycopy(
                                        x.values(),
                                        tokens[t] * x.width(),
                                        gathered.values(),
                                        t * gathered.width(),
                                        x.width()));
    }

    /// Adds channels `from` to `to` of a token, times `weight`, to those of another.
    private static void addWeighted(
            Activations x, int token, float weight, Activations sum, int other, int from, int to) {
        int at = token * x.width();
        int place = other * sum.width();
        for (int j = from; j < to; j++) {
            sum.values()[place + j] += weight * x.values()[at + j];
        }
    }
}
