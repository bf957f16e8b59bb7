package org.wanda4j.serve;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.IntStream;
import org.wanda4j.runtime.Answer;
import org.wanda4j.runtime.Generation;
import org.wanda4j.runtime.ScoredToken;

/// The answer of `/v1/chat/completions`.
///
/// @param model its name
/// @param goesOn whether the answer goes on with the conversation's last message
record ChatReply(String id, long created, String model, boolean goesOn) implements Reply {

    private static final String WHOLE = "chat.completion";
    private static final String PART = "chat.completion.chunk";

    ChatReply(String model, boolean goesOn) {
        this("chatcmpl-" + UUID.randomUUID(), Instant.now().getEpochSecond(), model, goesOn);
    }

    /// The whole or a part.
    record Envelope(
            String id,
            String object,
            long created,
            String model,
            List<?> choices,
            @JsonInclude(JsonInclude.Include.NON_ABSENT) Optional<Usage> usage) {}

    /// The whole answer.
    record Choice(
            int index,
            Message message,
            Optional<Logprobs> logprobs,
            @JsonProperty("finish_reason") Optional<String> finishReason) {}

    /// What was said.
    record Message(String role, String content, Optional<String> refusal) {}

    /// A part of the answer.
    record Part(
            int index,
            Delta delta,
            Optional<Logprobs> logprobs,
            @JsonProperty("finish_reason") Optional<String> finishReason) {}

    /// What was said in this part.
    @JsonInclude(JsonInclude.Include.NON_ABSENT)
    record Delta(Optional<String> role, Optional<String> content) {}

    /// How likely the tokens were.
    record Logprobs(List<Token> content) {

        static Logprobs of(List<ScoredToken> tokens) {
            return new Logprobs(tokens.stream().map(Token::of).toList());
        }
    }

    /// A token.
    record Token(
            String token,
            double logprob,
            List<Integer> bytes,
            @JsonProperty("top_logprobs") List<Token> topLogprobs) {

        static Token of(ScoredToken token) {
            byte[] bytes = token.bytes();
            return new Token(
                    token.text(),
                    token.logProbability(),
                    IntStream.range(0, bytes.length)
                            .mapToObj(i -> Byte.toUnsignedInt(bytes[i]))
                            .toList(),
                    token.alternatives().stream().map(Token::of).toList());
        }
    }

    @Override
    public Object whole(Generation generation, Optional<List<ScoredToken>> tokens) {
        var choice =
                new Choice(
                        0,
                        new Message("assistant", generation.text(), Optional.empty()),
                        tokens.map(Logprobs::of),
                        Reply.reason(generation));
        return envelope(WHOLE, List.of(choice), Optional.of(Usage.of(generation)));
    }

    @Override
    public Optional<Object> opening() {
        var delta = new Delta(Optional.of("assistant"), Optional.of(""));
        return Optional.of(part(delta, Optional.empty(), Optional.empty()));
    }

    @Override
    public Object part(Answer.Piece piece, boolean scored) {
        Optional<Logprobs> logprobs =
                scored ? Optional.of(Logprobs.of(piece.tokens())) : Optional.empty();
        var delta = new Delta(Optional.empty(), Optional.of(piece.text()));
        return part(delta, logprobs, Optional.empty());
    }

    @Override
    public Object closing(Generation generation) {
        var nothing = new Delta(Optional.empty(), Optional.empty());
        return part(nothing, Optional.empty(), Reply.reason(generation));
    }

    @Override
    public Object usage(Generation generation) {
        return envelope(PART, List.of(), Optional.of(Usage.of(generation)));
    }

    private Envelope part(Delta delta, Optional<Logprobs> logprobs, Optional<String> reason) {
        return envelope(PART, List.of(new Part(0, delta, logprobs, reason)), Optional.empty());
    }

    private Envelope envelope(String object, List<?> choices, Optional<Usage> usage) {
        return new Envelope(id, object, created, model, choices, usage);
    }
}
