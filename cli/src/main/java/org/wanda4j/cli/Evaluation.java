package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.evaluate.Exam;
import org.wanda4j.evaluate.Perplexity;
import org.wanda4j.evaluate.Task;
import org.wanda4j.evaluate.ZeroShot;
import org.wanda4j.text.Corpus;
import org.wanda4j.torch.ComputeType;

/// What is measured of a model: perplexity, and answers to multiple choice.
record Evaluation(
        Corpus text,
        OptionalInt seqlen,
        OptionalInt windows,
        List<Exam> exams,
        Optional<ComputeType> type) {

    /// One model.
    ///
    /// @param tasks by name
    record Result(
            String model,
            double perplexity,
            int windows,
            long tokens,
            double seconds,
            Map<String, ZeroShot> tasks) {}

    /// @param text to predict; the bundled one where null
    /// @param seqlen tokens of a window, or null
    /// @param windows how many, or null
    /// @param tasks as TASK:FILE
    /// @param items of each task, or null
    static Evaluation of(
            Path text,
            Integer seqlen,
            Integer windows,
            List<String> tasks,
            Integer items,
            Optional<ComputeType> type) {
        return new Evaluation(
                text == null ? Corpus.bundledEvaluation() : Corpus.open(text),
                optional(seqlen),
                optional(windows),
                tasks.stream().map(task -> exam(task, optional(items))).toList(),
                type);
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

    Result measure(Path model, RunSettings settings) {
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            var protocol = new Perplexity.Protocol(seqlen, windows, type);
            Perplexity perplexity = Perplexity.measure(checkpoint, text, protocol, settings);
            Map<String, ZeroShot> answers = new LinkedHashMap<>();
            for (Exam exam : exams) {
                answers.put(
                        exam.task().label(), ZeroShot.measure(checkpoint, exam, type, settings));
            }
            return new Result(
                    perplexity.model(),
                    perplexity.perplexity(),
                    perplexity.windows(),
                    perplexity.tokens(),
                    perplexity.seconds(),
                    answers);
        }
    }

    /// Everything that decides a result, but the model.
    String key() {
        List<String> questions =
                exams.stream().map(exam -> exam.task().label() + " " + exam.sha256()).toList();
        return "%s, %s, %s, %s, %s".formatted(text.sha256(), seqlen, windows, questions, type);
    }

    private static OptionalInt optional(Integer value) {
        return value == null ? OptionalInt.empty() : OptionalInt.of(value);
    }
}
