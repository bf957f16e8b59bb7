package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.Collections;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.evaluate.Divergence;
import org.wanda4j.evaluate.Exam;
import org.wanda4j.evaluate.LastStates;
import org.wanda4j.evaluate.Perplexity;
import org.wanda4j.evaluate.Task;
import org.wanda4j.evaluate.ZeroShot;
import org.wanda4j.model.families.Families;
import org.wanda4j.text.Corpus;
import org.wanda4j.torch.ComputeType;

/// What is measured of a model: perplexity, and answers to multiple choice.
///
/// @param text to predict; empty where perplexity is not measured
record Evaluation(
        Optional<Corpus> text,
        OptionalInt seqlen,
        OptionalInt windows,
        List<Exam> exams,
        Optional<ComputeType> type) {

    /// One model.
    ///
    /// @param perplexity empty where it was not measured, and then so are `windows`, `tokens`, `seconds` and `divergence`
    /// @param divergence from the reference; empty without one
    /// @param tasks by name
    record Result(
            String model,
            OptionalDouble perplexity,
            OptionalInt windows,
            OptionalLong tokens,
            OptionalDouble seconds,
            Optional<Divergence> divergence,
            Map<String, ZeroShot> tasks) {

        /// Copies the map.
        Result {
            tasks = Collections.unmodifiableMap(new LinkedHashMap<>(tasks));
        }

        private static Result of(
                Path model, Optional<Perplexity> measured, Map<String, ZeroShot> tasks) {
            return measured.map(perplexity ->
                            new Result(
                                    model.toString(),
                                    OptionalDouble.of(perplexity.perplexity()),
                                    OptionalInt.of(perplexity.windows()),
                                    OptionalLong.of(perplexity.tokens()),
                                    OptionalDouble.of(perplexity.seconds()),
                                    perplexity.divergence(),
                                    tasks))
                    .orElseGet(() ->
                            new Result(
                                    model.toString(),
                                    OptionalDouble.empty(),
                                    OptionalInt.empty(),
                                    OptionalLong.empty(),
                                    OptionalDouble.empty(),
                                    Optional.empty(),
                                    tasks));
        }
    }

    /// What the divergence of models is measured from: a model, and what it makes of the text.
    record Reference(Checkpoint checkpoint, LastStates states) implements AutoCloseable {

        @Override
        public void close() {
            states.close();
            checkpoint.close();
        }
    }

    /// @param text to predict, if any
    /// @param seqlen tokens of a window, or null
    /// @param windows how many, or null
    /// @param tasks as TASK:FILE
    /// @param items of each task, or null
    static Evaluation of(
            Optional<Corpus> text,
            Integer seqlen,
            Integer windows,
            List<String> tasks,
            Integer items,
            Optional<ComputeType> type) {
        List<Exam> exams = tasks.stream().map(task -> exam(task, optional(items))).toList();
        Set<Task> different = EnumSet.noneOf(Task.class);
        for (Exam exam : exams) {
            if (!different.add(exam.task())) {
                throw new InvalidInputException(
                        "--task %s is given twice: results are told apart by the task's name, so give one file of it at a time"
                                .formatted(exam.task().label()));
            }
        }
        return new Evaluation(text, optional(seqlen), optional(windows), exams, type);
    }

    private static Exam exam(String text, OptionalInt items) {
        int colon = text.indexOf(':');
        if (colon < 0) {
            throw new InvalidInputException(
                    "--task is written TASK:FILE, for example hellaswag:items.jsonl; got '"
                            + text
                            + "'");
        }
        return Exam.read(
                Task.named(text.substring(0, colon)), Path.of(text.substring(colon + 1)), items);
    }

    /// Checks everything that will be read, before the first model is measured.
    ///
    /// @param reference what the divergence of the models will be measured from
    /// @throws InvalidInputException when one of them cannot be measured
    void check(List<Path> models, Optional<Path> reference) {
        Stream.concat(models.stream(), reference.stream())
                .forEach(model ->
                        Checkpoint.open(model).close()); // Names that are mistyped, at once.
        for (Path model : models) {
            try (Checkpoint checkpoint = Checkpoint.open(model)) {
                text.ifPresent(corpus -> check(checkpoint, corpus, reference));
                exams.forEach(exam -> ZeroShot.check(checkpoint, exam));
            }
        }
    }

    private void check(Checkpoint checkpoint, Corpus corpus, Optional<Path> reference) {
        if (reference.isEmpty()) {
            Perplexity.check(checkpoint, corpus, protocol(), Optional.empty());
        } else {
            try (Checkpoint other = Checkpoint.open(reference.get())) {
                Perplexity.check(checkpoint, corpus, protocol(), Optional.of(other));
            }
        }
        int context = Families.describe(checkpoint).positions();
        seqlen.stream()
                .filter(length -> length > context)
                .mapToObj(length ->
                        "note: %s: windows of %,d tokens are longer than the model's context of %,d; perplexity there is not what people compare"
                                .formatted(checkpoint.directory(), length, context))
                .forEach(Console::note);
    }

    /// A model that others are to be compared with; the text is taken through it for the first of them.
    Reference reference(Path model, RunSettings settings) {
        Checkpoint checkpoint = Checkpoint.open(model);
        try {
            return new Reference(
                    checkpoint,
                    LastStates.of(checkpoint, text.orElseThrow(), protocol(), settings));
        } catch (RuntimeException | Error e) {
            checkpoint.close();
            throw e;
        }
    }

    /// Measures a model.
    ///
    /// @param reference what its divergence is measured from
    /// @param soFar receives the results so far after each part, which a later failure does not lose
    /// @return the whole
    Result measure(
            Path model,
            Optional<Reference> reference,
            RunSettings settings,
            Consumer<Result> soFar) {
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            Optional<Perplexity> perplexity =
                    text.map(corpus ->
                            Perplexity.measure(
                                    checkpoint,
                                    corpus,
                                    protocol(),
                                    reference.map(Reference::states),
                                    settings));
            Map<String, ZeroShot> answers = new LinkedHashMap<>();
            perplexity.ifPresent(_ -> soFar.accept(Result.of(model, perplexity, answers)));
            for (Exam exam : exams) {
                answers.put(
                        exam.task().label(), ZeroShot.measure(checkpoint, exam, type, settings));
                soFar.accept(Result.of(model, perplexity, answers));
            }
            return Result.of(model, perplexity, answers);
        }
    }

    private Perplexity.Protocol protocol() {
        return new Perplexity.Protocol(seqlen, windows, type);
    }

    /// Everything that a result depends on, but the model.
    String key() {
        List<String> questions =
                exams.stream().map(exam -> exam.task().label() + " " + exam.sha256()).toList();
        return "%s, %s, %s, %s, %s"
                .formatted(
                        text.map(Corpus::sha256).orElse("no text"),
                        seqlen,
                        windows,
                        questions,
                        type.orElseGet(ComputeType::fastest));
    }

    private static OptionalInt optional(Integer value) {
        return value == null ? OptionalInt.empty() : OptionalInt.of(value);
    }
}
