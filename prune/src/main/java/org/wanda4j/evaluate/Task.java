package org.wanda4j.evaluate;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.evaluate.Question.Choice;
import tools.jackson.databind.JsonNode;

/// Zero-shot multiple choice, worded as lm-evaluation-harness words it. Items have the fields of the published datasets,
/// or `query`, `choices` and `label` where they are worded already.
public enum Task {
    /// Which ending follows (Zellers et al., 2019).
    HELLASWAG("hellaswag") {
        @Override
        Question read(JsonNode item) {
            String context = text(item, "ctx_a") + " " + capitalised(text(item, "ctx_b"));
            return Question.of(
                    clean(text(item, "activity_label") + ": " + context),
                    strings(item, "endings").stream().map(Task::clean).toList(),
                    integer(item, "label"));
        }
    },
    /// Grade-school science, easy part (Clark et al., 2018).
    ARC_EASY("arc-easy") {
        @Override
        Question read(JsonNode item) {
            return lettered("Question: " + text(item, "question") + "\nAnswer:", item);
        }
    },
    /// Grade-school science, hard part (Clark et al., 2018).
    ARC_CHALLENGE("arc-challenge") {
        @Override
        Question read(JsonNode item) {
            return ARC_EASY.read(item);
        }
    },
    /// What a pronoun's gap stands for (Sakaguchi et al., 2020): the sentence up to the gap with each option, then the rest.
    WINOGRANDE("winogrande") {
        @Override
        Question read(JsonNode item) {
            String sentence = text(item, "sentence");
            int gap = sentence.indexOf('_');
            if (gap < 0) {
                throw new InvalidInputException("'sentence' has no gap '_'");
            }
            String rest = sentence.substring(gap + 1).strip();
            List<Choice> choices =
                    List.of("option1", "option2").stream()
                            .map(option ->
                                    new Choice(
                                            sentence.substring(0, gap) + text(item, option),
                                            " " + rest,
                                            rest.length()))
                            .toList();
            return new Question(choices, integer(item, "answer") - 1);
        }
    },
    /// Yes or no, given a passage (Clark et al., 2019).
    BOOLQ("boolq") {
        @Override
        Question read(JsonNode item) {
            String answer = item.has("answer") ? text(item, "answer") : text(item, "label");
            return Question.of(
                    text(item, "passage") + "\nQuestion: " + text(item, "question") + "?\nAnswer:",
                    List.of("no", "yes"),
                    answer.equals("true") || answer.equals("1") ? 1 : 0);
        }
    },
    /// Whether a sentence follows from another (GLUE).
    RTE("rte") {
        @Override
        Question read(JsonNode item) {
            String label = text(item, "label");
            return Question.of(
                    text(item, "sentence1")
                            + "\nQuestion: "
                            + text(item, "sentence2")
                            + " True or False?\nAnswer:",
                    List.of("True", "False"),
                    label.equals("0") || label.equals("entailment") ? 0 : 1);
        }
    },
    /// Elementary science facts (Mihaylov et al., 2018).
    OPENBOOKQA("openbookqa") {
        @Override
        Question read(JsonNode item) {
            return lettered(text(item, "question_stem"), item);
        }
    };

    private final String label;

    Task(String label) {
        this.label = label;
    }

    /// The name that the command line and JSON use.
    public String label() {
        return label;
    }

    /// @throws InvalidInputException naming the tasks there are when `name` is not one of them
    public static Task named(String name) {
        return Arrays.stream(values())
                .filter(task -> task.label.equals(name))
                .findFirst()
                .orElseThrow(() ->
                        new InvalidInputException(
                                "there is no task '"
                                        + name
                                        + "'; there are "
                                        + Arrays.stream(values())
                                                .map(Task::label)
                                                .collect(Collectors.joining(", "))));
    }

    /// Words an item that has the fields of the published dataset.
    abstract Question read(JsonNode item);

    /// Words an item.
    Question question(JsonNode item) {
        Question question =
                item.has("query")
                        ? Question.of(
                                text(item, "query"),
                                strings(item, "choices"),
                                integer(item, "label"))
                        : read(item);
        if (question.answer() < 0 || question.answer() >= question.choices().size()) {
            throw new InvalidInputException(
                    "the answer is number %d of %d choices"
                            .formatted(question.answer(), question.choices().size()));
        }
        return question;
    }

    /// `choices` of `text` and `label`, and `answerKey`: one of the labels.
    private static Question lettered(String context, JsonNode item) {
        JsonNode choices = item.path("choices");
        List<String> labels = strings(choices, "label");
        String key = text(item, "answerKey");
        return Question.of(context, strings(choices, "text"), labels.indexOf(key));
    }

    private static String clean(String text) {
        return text.strip()
                .replace(" [title]", ". ")
                .replaceAll("\\[.*?\\]", "")
                .replace("  ", " ");
    }

    private static String capitalised(String text) {
        return text.isEmpty()
                ? text
                : text.substring(0, 1).toUpperCase(Locale.ROOT)
                        + text.substring(1).toLowerCase(Locale.ROOT);
    }

    private static String text(JsonNode item, String field) {
        return text(item.path(field), () -> "the field '" + field + "' is missing");
    }

    private static String text(JsonNode value, Supplier<String> otherwise) {
        if (!value.isValueNode() || value.isNull()) {
            throw new InvalidInputException(otherwise.get());
        }
        return value.asString();
    }

    private static int integer(JsonNode item, String field) {
        try {
            return Integer.parseInt(text(item, field).strip());
        } catch (NumberFormatException e) {
            throw new InvalidInputException("the field '" + field + "' is no number", e);
        }
    }

    private static List<String> strings(JsonNode item, String field) {
        JsonNode array = item.path(field);
        if (!array.isArray() || array.isEmpty()) {
            throw new InvalidInputException("the field '" + field + "' is not a list");
        }
        return array.valueStream()
                .map(value -> text(value, () -> "the list '" + field + "' holds what is no text"))
                .toList();
    }
}
