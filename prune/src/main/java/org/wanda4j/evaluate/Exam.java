package org.wanda4j.evaluate;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.OptionalInt;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Sha256;
import tools.jackson.databind.JsonNode;

/// A task with its questions.
///
/// @param questions at least one
public record Exam(Task task, List<Question> questions) {

    /// Checks that there is a question.
    public Exam {
        questions = List.copyOf(questions);
        if (questions.isEmpty()) {
            throw new IllegalArgumentException("an exam needs a question");
        }
    }

    /// Reads the items of `file`.
    ///
    /// @param file JSON lines or Parquet, an item each line or row
    /// @param limit how many items from the front; all where empty
    /// @throws InvalidInputException naming the line or row of an item that cannot be used
    public static Exam read(Task task, Path file, OptionalInt limit) {
        if (limit.isPresent() && limit.getAsInt() < 1) {
            throw new InvalidInputException("--items must be at least 1, got " + limit.getAsInt());
        }
        List<Question> questions = new ArrayList<>();
        Items.forEach(
                file,
                limit.orElse(Integer.MAX_VALUE),
                (item, place) -> questions.add(question(task, item, place)));
        if (questions.isEmpty()) {
            throw new InvalidInputException(file + " holds no items");
        }
        return new Exam(task, questions);
    }

    private static Question question(Task task, JsonNode item, String place) {
        try {
            return task.question(item);
        } catch (InvalidInputException e) {
            throw new InvalidInputException(
                    "%s: %s; %s items have the fields of the dataset, or query, choices and label"
                            .formatted(place, e.getMessage(), task.label()),
                    e);
        }
    }

    /// A digest of the questions as they are worded, in hexadecimal.
    public String sha256() {
        MessageDigest digest = Sha256.begin();
        questions.forEach(
                question -> digest.update(question.toString().getBytes(StandardCharsets.UTF_8)));
        return HexFormat.of().formatHex(digest.digest());
    }
}
