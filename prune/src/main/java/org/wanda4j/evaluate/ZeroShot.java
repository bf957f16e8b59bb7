package org.wanda4j.evaluate;

import static java.util.Collections.nCopies;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.wanda4j.calibrate.HiddenStates;
import org.wanda4j.calibrate.LayerwiseForward;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.ScratchDirectory;
import org.wanda4j.calibrate.Workers;
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
        List<Group> groups = groups(checkpoint, architecture, exam);
        settings.progress().start("answering", tokens(groups) * architecture.blocks().size());
        List<double[]> answers =
                settings.runner()
                        .workers()
                        .map(workers ->
                                answersBy(
                                        workers,
                                        checkpoint.directory().toAbsolutePath().toString(),
                                        groups,
                                        type,
                                        progressOf(architecture, settings.progress())))
                        .orElseGet(() -> answers(checkpoint, groups, type, settings));
        double[][] likelihoods =
                exam.questions().stream()
                        .map(question -> new double[question.choices().size()])
                        .toArray(double[][]::new);
        for (int i = 0; i < groups.size(); i++) {
            for (int branch = 0; branch < answers.get(i).length; branch++) {
                int[] place = groups.get(i).places().get(branch);
                likelihoods[place[0]][place[1]] = answers.get(i)[branch];
            }
        }
        return likelihoods;
    }

    private static long tokens(List<Group> groups) {
        return groups.stream().mapToLong(group -> group.tree().length()).sum();
    }

    private static Consumer<List<Group>> progressOf(Architecture architecture, Progress progress) {
        return groups ->
                progress.advance(tokens(groups) * architecture.blocks().size(), "questions");
    }

    /// Has workers answer, some of the groups each.
    private static List<double[]> answersBy(
            Workers workers,
            String model,
            List<Group> groups,
            ComputeType type,
            Consumer<List<Group>> answered) {
        int count = workers.parts(groups.size());
        List<List<Group>> parts =
                IntStream.range(0, count).mapToObj(i -> part(groups, i, count)).toList();
        List<List<double[]>> answers = new ArrayList<>(nCopies(count, List.of()));
        workers.forEach(
                parts,
                (part, there) -> {
                    try (Checkpoint checkpoint = Checkpoint.open(Path.of(model))) {
                        return List.copyOf(answers(checkpoint, part, type, there));
                    }
                },
                (part, given) -> {
                    answers.set(part, given);
                    answered.accept(parts.get(part));
                });
        return answers.stream().flatMap(List::stream).toList();
    }

    private static List<Group> part(List<Group> groups, int number, int count) {
        return List.copyOf(
                groups.subList(
                        (int) ((long) groups.size() * number / count),
                        (int) ((long) groups.size() * (number + 1) / count)));
    }

    /// For each group the log likelihood of each of its branches, in nats.
    private static List<double[]> answers(
            Checkpoint checkpoint, List<Group> groups, ComputeType type, RunSettings settings) {
        Architecture architecture = Families.describe(checkpoint);
        List<double[]> answers = new ArrayList<>();
        try (var scratch = new ScratchDirectory();
                Engine engine = settings.engine(type)) {
            while (answers.size() < groups.size()) {
                int from = answers.size();
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
                answers.addAll(score(forward, some, settings.progress()));
            }
        }
        return answers;
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
    private static List<double[]> score(
            LayerwiseForward forward, List<Group> groups, Progress progress) {
        double[][] likelihoods = new double[groups.size()][];
        try (Arena memory = Arena.ofShared();
                Trees trees = Trees.of(groups, forward, memory)) {
            forward.embed(trees, index -> List.of(groups.get(index).ids()));
            forward.forward(trees, progress);
            forward.head(
                    trees,
                    (head, index, batch) ->
                            likelihoods[index] = predict(groups.get(index), head, batch));
        }
        return List.of(likelihoods);
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

    private static double[] predict(Group group, TorchHead head, Batch batch) {
        Tree tree = group.tree();
        double[] likelihoods = new double[group.branches().size()];
        for (int branch = 0; branch < group.branches().size(); branch++) {
            int[] ids = group.branches().get(branch);
            long[] givens = new long[ids.length];
            long[] targets = new long[ids.length];
            for (int i = 0; i < ids.length; i++) {
                givens[i] = i == 0 ? tree.context() - 1 : tree.start(branch) + i - 1;
                targets[i] = ids[i];
            }
            likelihoods[branch] = head.logLikelihood(batch, givens, targets);
        }
        return likelihoods;
    }
}
