package org.wanda4j.runtime;

import java.util.List;
import java.util.Optional;
import org.wanda4j.model.Activation;
import org.wanda4j.model.Attention;
import org.wanda4j.model.Block;
import org.wanda4j.model.Block.Branch;
import org.wanda4j.model.Mlp;
import org.wanda4j.model.Norm;
import org.wanda4j.model.Stage;
import org.wanda4j.runtime.Compute.Input;
import org.wanda4j.runtime.Weights.Projection;
import org.wanda4j.runtime.Weights.Scaling;
import org.wanda4j.runtime.internal.kernels.RowKernels;

/// A decoder block on a batch: two residual branches.
final class DecoderBlock {

    private final Mlp mlp;
    private final boolean normFirst;
    private final Compute compute;
    private final Scaling attentionNorm;
    private final Scaling mlpNorm;
    private final List<Projection> queryKeyValue;
    private final List<Projection> output;
    private final List<Projection> gateUp;
    private final List<Projection> down;
    private final AttentionStep attention;
    private final Rooms rooms;

    DecoderBlock(
            Block block,
            int index,
            Compute compute,
            Weights weights,
            CachePool pool,
            Optional<Rotation> rotation,
            Rooms rooms) {
        this.compute = compute;
        Attention heads = block.attentions().findFirst().orElseThrow();
        this.mlp = block.mlps().findFirst().orElseThrow();
        this.normFirst = block.branches().getFirst().before().isPresent();
        this.attentionNorm = weights.scaling(norm(block, 0));
        this.mlpNorm = weights.scaling(norm(block, 1));
        List<Stage> stages = block.stages();
        this.queryKeyValue = projections(stages.get(0), weights);
        this.output = projections(stages.get(1), weights);
        this.gateUp = projections(stages.get(2), weights);
        this.down = projections(stages.get(3), weights);
        this.attention = new AttentionStep(heads, index, pool, compute, weights, rotation);
        this.rooms = rooms;
    }

    /// What lies between the linears of a block; all blocks of a decoder use the same rooms in turn.
    static final class Rooms {

        private final Vectors queries;
        private final Vectors keys;
        private final Vectors values;
        private final Vectors attended;
        private final Vectors gate;
        private final Vectors up;
        private final Vectors branch;

        /// @param block any of the decoder's: all have the same sizes
        Rooms(Block block) {
            Attention heads = block.attentions().findFirst().orElseThrow();
            Mlp mlp = block.mlps().findFirst().orElseThrow();
            queries = new Vectors(heads.query().outputs());
            keys = new Vectors(heads.key().outputs());
            values = new Vectors(heads.value().outputs());
            attended = new Vectors(heads.output().inputs());
            gate = new Vectors(mlp.down().inputs());
            up = new Vectors(mlp.down().inputs());
            branch = new Vectors(heads.output().outputs());
        }
    }

    private static Norm norm(Block block, int branch) {
        Branch it = block.branches().get(branch);
        return it.before().or(it::behind).orElseThrow();
    }

    private static List<Projection> projections(Stage stage, Weights weights) {
        return stage.linears().stream().map(weights::projection).toList();
    }

    /// Takes the hidden states of a batch to the block's end, in place.
    ///
    /// @param scores room for each member of the team: as many as the longest sequence has positions, and
    ///     [RowKernels#SPARE_SCORES]
    void forward(Batch batch, Vectors hidden, float[][] scores) {
        int tokens = batch.tokens();
        compute.project(
                queryKeyValue,
                branchInput(attentionNorm, hidden),
                tokens,
                List.of(rooms.queries, rooms.keys, rooms.values));
        attention.attend(batch, rooms.queries, rooms.keys, rooms.values, rooms.attended, scores);
        close(output, rooms.attended, attentionNorm, hidden, tokens);
        compute.project(
                gateUp,
                branchInput(mlpNorm, hidden),
                tokens,
                gateUp.size() == 1 ? List.of(rooms.gate) : List.of(rooms.gate, rooms.up),
                (from, to) -> {
                    for (int t = 0; t < tokens; t++) {
                        activate(t * rooms.gate.width() + from, to - from);
                    }
                });
        close(down, rooms.gate, mlpNorm, hidden, tokens);
    }

    private Input branchInput(Scaling norm, Vectors hidden) {
        return new Input(hidden, normFirst ? Optional.of(norm) : Optional.empty());
    }

    /// Ends a residual branch: each member adds what it has computed while that is in its cache.
    private void close(
            List<Projection> last, Vectors branch, Scaling norm, Vectors hidden, int tokens) {
        compute.project(
                last,
                new Input(branch, Optional.empty()),
                tokens,
                List.of(rooms.branch),
                (from, to) -> {
                    for (int t = 0; t < tokens; t++) {
                        compute.kernels()
                                .add(
                                        rooms.branch.values(),
                                        hidden.values(),
                                        t * hidden.width() + from,
                                        to - from);
                    }
                });
        if (!normFirst) {
            compute.norm(norm, hidden, hidden, tokens);
        }
    }

    private void activate(int from, int count) {
        Activation activation = mlp.activation();
        float[] x = rooms.gate.values();
        if (activation == Activation.SILU && gateUp.size() == 2) {
            compute.kernels().silu(x, rooms.up.values(), from, count);
            return;
        }
        for (int j = from; j < from + count; j++) {
            x[j] = activated(activation, x[j]);
        }
        if (gateUp.size() == 2) {
            for (int j = from; j < from + count; j++) {
                x[j] *= rooms.up.values()[j];
            }
        }
    }

    private static float activated(Activation activation, float x) {
        return switch (activation) {
            case SILU -> x / (1 + (float) Math.exp(-x));
            case RELU -> Math.max(0, x);
            case GELU -> (float) (x / 2 * (1 + ErrorFunction.of(x / Math.sqrt(2))));
            case GELU_TANH ->
                    (float)
                            (x
                                    / 2
                                    * (1
                                            + Math.tanh(
                                                    Math.sqrt(2 / Math.PI)
                                                            * (x + 0.044715 * x * x * x))));
        };
    }
}
