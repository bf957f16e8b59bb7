package org.wanda4j.evaluate;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.wanda4j.calibrate.HiddenStates;
import org.wanda4j.calibrate.LayerwiseForward;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.ScratchDirectory;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.evaluate.Question.Choice;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.families.Families;
import org.wanda4j.text.Tokenizer;
import org.wanda4j.torch.Batch;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Device;
import org.wanda4j.torch.DeviceStates;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.TorchBlock;
import org.wanda4j.torch.TorchHead;
import org.wanda4j.torch.Tree;

/// Multiple choice without examples, in the way of lm-evaluation-harness: each answer's log likelihood given the question;
/// the highest counts as the model's answer.
///
/// @param accuracy fraction of items whose highest log likelihood is the right answer's
/// @param accuracyNorm the same with each log likelihood divided by the answer's length in characters
/// @param stderr standard error of `accuracy`: `sqrt(p (1 - p) / (items - 1))`
/// @param items how many
/// @param seconds it took
public record ZeroShot(
        double accuracy, double accuracyNorm, double stderr, int items, double seconds) {

    private static final int TOKENS_AT_ONCE = 1 << 15;

    /// Refuses what [#measure] would refuse, before anything is computed.
    ///
    /// @throws InvalidInputException when the model, its tokenizer or an item cannot be used
    public static void check(Checkpoint checkpoint, Exam exam) {
        groups(checkpoint, Families.describe(checkpoint), exam);
    }

    /// Measures `checkpoint`.
    ///
    /// @throws InvalidInputException when the model, its tokenizer or an item cannot be used, or a likelihood is not finite
    public static ZeroShot measure(
            Checkpoint checkpoint, Exam exam, Optional<ComputeType> type, RunSettings settings) {
        long start = System.nanoTime();
        List<Question> questions = exam.questions();
        double[][] likelihoods =
                logLikelihoods(checkpoint, exam, type.orElse(ComputeType.FP32), settings);
        if (!Arrays.stream(likelihoods)
                .flatMapToDouble(Arrays::stream)
                .allMatch(Double::isFinite)) {
            throw new InvalidInputException(
                    checkpoint.directory()
                            + ": likelihoods of answers are not finite; some weight is broken, or too large for the type it was computed in");
        }
        int right = 0;
        int rightNorm = 0;
        for (int i = 0; i < likelihoods.length; i++) {
            List<Choice> choices = questions.get(i).choices();
            double[] plain = likelihoods[i];
            double[] normed =
                    IntStream.range(0, plain.length)
                            .mapToDouble(j -> plain[j] / Math.max(1, choices.get(j).length()))
                            .toArray();
            right += highest(plain) == questions.get(i).answer() ? 1 : 0;
            rightNorm += highest(normed) == questions.get(i).answer() ? 1 : 0;
        }
        int items = questions.size();
        double accuracy = right / (double) items;
        return new ZeroShot(
                accuracy,
                rightNorm / (double) items,
                Math.sqrt(accuracy * (1 - accuracy) / Math.max(1, items - 1)),
                items,
                (System.nanoTime() - start) / 1e9);
    }

    private static int highest(double[] values) {
        return IntStream.range(0, values.length)
                .reduce((a, b) -> values[b] > values[a] ? b : a)
                .orElseThrow();
    }

    /// For each question the log likelihood of each choice, in nats.
    static double[][] logLikelihoods(
            Checkpoint checkpoint, Exam exam, ComputeType type, RunSettings settings) {
        Architecture architecture = Families.describe(checkpoint);
        double[][] likelihoods =
                exam.questions().stream()
                        .map(question -> new double[question.choices().size()])
                        .toArray(double[][]::new);
        List<Group> groups = groups(checkpoint, architecture, exam);
        long tokens = groups.stream().mapToLong(group -> group.tree().length()).sum();
        settings.progress().start("answering", tokens * architecture.blocks().size());
        try (var scratch = new ScratchDirectory();
                Engine engine = settings.engine(type)) {
            int from = 0;
            while (from < groups.size()) {
                int to = from;
                for (long sum = 0; to < groups.size() && (sum == 0 || sum < TOKENS_AT_ONCE); to++) {
                    sum += groups.get(to).tree().length();
                }
                List<Group> some = groups.subList(from, to);
                int depth = some.stream().mapToInt(it -> it.tree().depth()).max().orElseThrow();
                var forward =
                        new LayerwiseForward(
                                checkpoint,
                                architecture,
                                engine,
                                settings.scratch(scratch.path()),
                                depth);
                score(forward, some, settings.progress(), likelihoods);
                from = to;
            }
        }
        return likelihoods;
    }

    private static List<Group> groups(Checkpoint checkpoint, Architecture architecture, Exam exam) {
        try (Tokenizer tokenizer = Tokenizer.open(checkpoint.directory())) {
            List<Group> groups = Group.of(exam, tokenizer, architecture.positions());
            for (Group group : groups) {
                LayerwiseForward.checkIds(checkpoint, architecture, group.largestId());
            }
            return groups;
        }
    }

    /// Takes some groups through the model, a part of it at a time.
    private static void score(
            LayerwiseForward forward,
            List<Group> groups,
            Progress progress,
            double[][] likelihoods) {
        try (Arena memory = Arena.ofShared();
                Trees trees = Trees.of(groups, forward, memory)) {
            forward.embed(trees, index -> List.of(groups.get(index).ids()));
            forward.forward(trees, progress);
            forward.head(
                    trees,
                    (head, index, batch) -> predict(groups.get(index), head, batch, likelihoods));
        }
    }

    /// Hidden states of groups: a batch each. In memory of the host's, or on a device.
    private record Trees(
            List<Group> groups,
            List<MemorySegment> hidden,
            Optional<DeviceStates> onDevice,
            int stageWidth,
            ComputeType type)
            implements HiddenStates, AutoCloseable {

        static Trees of(List<Group> groups, LayerwiseForward forward, Arena memory) {
            int size = forward.architecture().hidden();
            int stageWidth = TorchBlock.stageWidth(forward.architecture());
            ComputeType type = forward.engine().type();
            Device device = forward.engine().device();
            if (device.isHost()) {
                long perToken = (long) size * type.bytes();
                List<MemorySegment> hidden =
                        groups.stream()
                                .map(group -> memory.allocate(group.tree().length() * perToken, 64))
                                .toList();
                return new Trees(groups, hidden, Optional.empty(), stageWidth, type);
            }
            var states =
                    new DeviceStates(
                            device, first(groups, groups.size()), size, stageWidth, false, type);
            return new Trees(groups, List.of(), Optional.of(states), stageWidth, type);
        }

        /// The first token of a group, counted through all.
        private static long first(List<Group> groups, int index) {
            return groups.subList(0, index).stream().mapToLong(it -> it.tree().length()).sum();
        }

        @Override
        public int batches() {
            return groups.size();
        }

        @Override
        public Batch batch(int index) {
            Tree tree = groups.get(index).tree();
            return onDevice.map(it -> it.batch(first(groups, index), tree))
                    .orElseGet(() -> Batch.over(tree, hidden.get(index), stageWidth, type));
        }

        @Override
        public void close() {
            onDevice.ifPresent(DeviceStates::close);
        }

        @Override
        public long tokensOf(int index) {
            return groups.get(index).tree().length();
        }
    }

    private static void predict(Group group, TorchHead head, Batch batch, double[][] likelihoods) {
        Tree tree = group.tree();
        for (int branch = 0; branch < group.branches().size(); branch++) {
            int[] ids = group.branches().get(branch);
            long[] givens = new long[ids.length];
            long[] targets = new long[ids.length];
            for (int i = 0; i < ids.length; i++) {
                givens[i] = i == 0 ? tree.context() - 1 : tree.start(branch) + i - 1;
                targets[i] = ids[i];
            }
            int[] place = group.places().get(branch);
            likelihoods[place[0]][place[1]] = head.logLikelihood(batch, givens, targets);
        }
    }
}
