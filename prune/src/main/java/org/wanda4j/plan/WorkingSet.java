package org.wanda4j.plan;

import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.model.Attention;
import org.wanda4j.model.Block;
import org.wanda4j.model.Stage;
import org.wanda4j.torch.TorchBlock;
import org.wanda4j.tune.BlockTuner;

/// What a block touches besides its weights while batches go through it.
final class WorkingSet {

    private WorkingSet() {}

    /// Values for each token that norms (two, each read and written), sums (two) and the activation function pass over.
    static double values(Block block) {
        int hidden = SmallBlock.attention(block).output().outputs();
        int inner = SmallBlock.mlp(block).down().inputs();
        return 6.0 * hidden + (SmallBlock.mlp(block).gate().isPresent() ? 3.0 : 2.0) * inner;
    }

    /// The most bytes that all threads hold at a time, each with a batch in some stage.
    static long bytes(Block block, ActivationStore.Layout layout, Statistic needed, int threads) {
        long tokens = (long) layout.windowsPerBatch() * layout.length();
        long largest =
                Math.max(
                        attention(block, layout, tokens),
                        Math.max(
                                mlp(block, layout, tokens),
                                measured(block, layout, needed, tokens)));
        long batches = Math.ceilDiv(layout.windows(), layout.windowsPerBatch());
        return Math.min(threads, batches) * largest;
    }

    /// A norm in fp32, its result, and that in the type that is computed in.
    private static long norm(Block block, ActivationStore.Layout layout, long tokens) {
        return tokens
                * SmallBlock.attention(block).output().outputs()
                * (2L * Float.BYTES + layout.type().bytes());
    }

    /// Queries and keys as they are projected, turned and laid out anew; a slice's scores in both types.
    private static long attention(Block block, ActivationStore.Layout layout, long tokens) {
        Attention it = SmallBlock.attention(block);
        long scores = layout.windowsPerBatch() * TorchBlock.attentionScores(block, layout.length());
        return norm(block, layout, tokens)
                + tokens * projected(it) * layout.type().bytes()
                + scores * (Float.BYTES + 2L * layout.type().bytes());
    }

    /// Values of a token's queries, keys and values in all their forms.
    private static long projected(Attention it) {
        return 4L * it.query().outputs() + 5L * it.key().outputs() + 2L * it.value().outputs();
    }

    private static long mlp(Block block, ActivationStore.Layout layout, long tokens) {
        long inner = SmallBlock.mlp(block).down().inputs();
        return norm(block, layout, tokens) + 2 * tokens * inner * layout.type().bytes();
    }

    /// What a block's training holds: its weights in fp32 with masks, gradients of every batch of a step and their sum, two moments
    /// and the best so far; for each thread the weights in the type of products, and what the way back needs of a batch.
    static long training(Block block, ActivationStore.Layout layout, int threads) {
        long weights = Workload.weights(block.linears());
        long tokens = (long) layout.windowsPerBatch() * layout.length();
        int batches = BlockTuner.batchesPerStep(layout.windowsPerBatch());
        int running = Math.min(threads, batches);
        Attention it = SmallBlock.attention(block);
        long hidden = it.output().outputs();
        long inner = 4L * SmallBlock.mlp(block).down().inputs();
        long seen = Math.ceilDiv(layout.length(), 2);
        long values = 12 * hidden + projected(it) + inner + 3L * it.heads() * seen;
        return weights * Float.BYTES * (6L + batches)
                + running
                        * (weights * layout.type().bytes()
                                + tokens * values * (Float.BYTES + layout.type().bytes()));
    }

    /// The inputs' squares in double; for products of channels the inputs in fp32 too.
    private static long measured(
            Block block, ActivationStore.Layout layout, Statistic needed, long tokens) {
        long widest = 0;
        for (Stage stage : block.stages()) {
            widest = Math.max(widest, stage.width());
        }
        long copies = needed == Statistic.GRAM ? 3 : 2;
        return norm(block, layout, tokens) + copies * tokens * widest * Float.BYTES;
    }
}
