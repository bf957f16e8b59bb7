package org.wanda4j.evaluate;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.evaluate.Question.Choice;
import org.wanda4j.text.Tokenizer;
import org.wanda4j.torch.Tree;

/// Choices with one context, as token ids: what the model reads at once.
///
/// @param context at least one token
/// @param branches the tokens of each choice, at least one
/// @param places number of the item and of the choice, for each branch
record Group(int[] context, List<int[]> branches, List<int[]> places) implements Serializable {

    /// Choices share a context as long as they have no more tokens than it, or than this: a token is compared with all before
    /// it, those of other choices too.
    private static final int MOST_TOKENS = 2048;

    /// The choices of all questions. A context is cut from the left to what the model has room for, as lm-evaluation-harness
    /// does; where there is none, the token that texts begin with stands for it, or else the one that ends them.
    ///
    /// @param positions of the model
    /// @throws InvalidInputException when a choice has no tokens, more than the model has positions, or nothing to stand behind
    static List<Group> of(Exam exam, Tokenizer tokenizer, int positions) {
        List<Group> groups = new ArrayList<>();
        List<Question> questions = exam.questions();
        for (int item = 0; item < questions.size(); item++) {
            List<Choice> choices = questions.get(item).choices();
            for (int index = 0; index < choices.size(); index++) {
                try {
                    Group alone = of(choices.get(index), tokenizer, positions);
                    alone.places.add(new int[] {item, index});
                    add(alone, groups);
                } catch (InvalidInputException e) {
                    throw new InvalidInputException(
                            "%s: item %,d, choice %d %s"
                                    .formatted(
                                            exam.task().label(),
                                            item + 1,
                                            index + 1,
                                            e.getMessage()),
                            e);
                }
            }
        }
        return groups;
    }

    private static Group of(Choice choice, Tokenizer tokenizer, int positions) {
        int[] context = tokenizer.encode(choice.context().stripTrailing());
        int[] whole = tokenizer.encode(choice.context() + choice.continuation());
        if (whole.length == 0) {
            throw new InvalidInputException("is an empty text: give it one");
        }
        int from = Math.min(context.length, whole.length - 1);
        int[] branch = Arrays.copyOfRange(whole, from, whole.length);
        if (branch.length > positions) {
            throw new InvalidInputException(
                    "has %,d tokens, the context of this model only %,d: leave the item out"
                            .formatted(branch.length, positions));
        }
        int[] given = context.length == 0 ? new int[] {nothing(tokenizer)} : context;
        int room = positions + 1 - branch.length; // the last token is not read
        int[] kept = Arrays.copyOfRange(given, Math.max(0, given.length - room), given.length);
        return new Group(kept, new ArrayList<>(List.of(branch)), new ArrayList<>());
    }

    private static int nothing(Tokenizer tokenizer) {
        return Stream.of(tokenizer.begin(), tokenizer.end())
                .flatMapToInt(OptionalInt::stream)
                .findFirst()
                .orElseThrow(() ->
                        new InvalidInputException(
                                "has an empty query, and tokenizer_config.json names neither a bos_token nor an eos_token to stand for it: word the query"));
    }

    private static void add(Group alone, List<Group> groups) {
        if (!groups.isEmpty() && groups.getLast().takes(alone)) {
            groups.getLast().branches.addAll(alone.branches);
            groups.getLast().places.addAll(alone.places);
        } else {
            groups.add(alone);
        }
    }

    private boolean takes(Group other) {
        return Arrays.equals(context, other.context)
                && places.getFirst()[0] == other.places.getFirst()[0]
                && tokens() + other.tokens() <= Math.max(context.length, MOST_TOKENS);
    }

    private int tokens() {
        return branches.stream().mapToInt(each -> each.length).sum();
    }

    /// What the model reads: all but the last token of each choice, which nothing follows.
    Tree tree() {
        return new Tree(context.length, branches.stream().map(each -> each.length - 1).toList());
    }

    /// The tokens of [#tree()].
    int[] ids() {
        return IntStream.concat(
                        IntStream.of(context),
                        branches.stream()
                                .flatMapToInt(each -> IntStream.of(each).limit(each.length - 1)))
                .toArray();
    }

    int largestId() {
        return Stream.concat(Stream.of(context), branches.stream())
                .flatMapToInt(IntStream::of)
                .max()
                .orElseThrow();
    }
}
