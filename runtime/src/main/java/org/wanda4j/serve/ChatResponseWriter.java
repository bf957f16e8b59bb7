package org.wanda4j.serve;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.wanda4j.runtime.Generation;
import org.wanda4j.runtime.ScoredToken;
import org.wanda4j.runtime.TokenStream;
import org.wanda4j.tools.ToolCall;
import org.wanda4j.tools.ToolCallReader;

/// Responses of `/v1/chat/completions`.
final class ChatResponseWriter implements ResponseWriter {

    private static final String RESPONSE = "chat.completion";
    private static final String CHUNK = "chat.completion.chunk";

    private final String id = "chatcmpl-" + UUID.randomUUID();
    private final long created = Instant.now().getEpochSecond();
    private final String model;
    private final int count;
    private final Optional<Supplier<ToolCallReader>> toolCalls;

    /// Of each choice of a stream.
    private final Map<Integer, ToolCallReader> readers = new HashMap<>();

    /// @param model its name
    /// @param count of its choices
    /// @param toolCalls reads calls in an answer; empty where the model has no tools
    ChatResponseWriter(String model, int count, Optional<Supplier<ToolCallReader>> toolCalls) {
        this.model = model;
        this.count = count;
        this.toolCalls = toolCalls;
    }

    /// A response, with one [ChatChoice], or a chunk, with at most one [ChunkChoice].
    record ChatCompletion(
            String id,
            String object,
            long created,
            String model,
            List<?> choices,
            @JsonInclude(JsonInclude.Include.NON_ABSENT) Optional<Usage> usage) {}

    /// The completion in a response.
    record ChatChoice(
            int index,
            ChatMessage message,
            Optional<HeldLogprobs> logprobs,
            @JsonProperty("finish_reason") Optional<String> finishReason) {}

    /// The message of the completion.
    record ChatMessage(
            String role,
            Optional<String> content,
            Optional<String> refusal,
            @JsonProperty("tool_calls") @JsonInclude(JsonInclude.Include.NON_EMPTY)
                    List<FunctionCall> toolCalls) {}

    /// A call of a function.
    ///
    /// @param index in a chunk: which call of the message it is
    record FunctionCall(
            @JsonInclude(JsonInclude.Include.NON_ABSENT) Optional<Integer> index,
            String id,
            String type,
            ToolCall function) {

        static FunctionCall of(ToolCall call, Optional<Integer> index) {
            String id = "call_" + UUID.randomUUID().toString().replace("-", "");
            return new FunctionCall(index, id, "function", call);
        }
    }

    /// The part of the completion in a chunk.
    record ChunkChoice(
            int index,
            Delta delta,
            Optional<Map<String, List<?>>> logprobs,
            @JsonProperty("finish_reason") Optional<String> finishReason) {}

    /// What a chunk adds to the message.
    @JsonInclude(JsonInclude.Include.NON_ABSENT)
    record Delta(
            Optional<String> role,
            Optional<String> content,
            @JsonProperty("tool_calls") Optional<List<FunctionCall>> toolCalls) {

        static final Delta NOTHING =
                new Delta(Optional.empty(), Optional.empty(), Optional.empty());

        static Delta text(String text) {
            return new Delta(Optional.empty(), Optional.of(text), Optional.empty());
        }
    }

    /// A token and its log probability.
    ///
    /// @param bytes UTF-8, 0 to 255
    record TokenLogprob(
            String token,
            double logprob,
            List<Integer> bytes,
            @JsonProperty("top_logprobs") List<TokenLogprob> topLogprobs) {

        static TokenLogprob of(ScoredToken token) {
            byte[] bytes = token.bytes();
            return new TokenLogprob(
                    token.text(),
                    token.logProbability(),
                    IntStream.range(0, bytes.length)
                            .mapToObj(i -> Byte.toUnsignedInt(bytes[i]))
                            .toList(),
                    token.alternatives().stream().map(TokenLogprob::of).toList());
        }
    }

    @Override
    public Object response(List<Generation> generations, List<HeldLogprobs> logprobs) {
        List<ChatChoice> choices = new ArrayList<>();
        for (int i = 0; i < generations.size(); i++) {
            ChatMessage message = message(generations.get(i).text());
            choices.add(
                    new ChatChoice(
                            i,
                            message,
                            logprobs.isEmpty() ? Optional.empty() : Optional.of(logprobs.get(i)),
                            finishReason(generations.get(i), !message.toolCalls().isEmpty())));
        }
        return completion(RESPONSE, choices, Optional.of(Usage.of(generations, count)));
    }

    private ChatMessage message(String answer) {
        if (toolCalls.isEmpty()) {
            return new ChatMessage("assistant", Optional.of(answer), Optional.empty(), List.of());
        }
        ToolCallReader reader = toolCalls.get().get();
        List<ToolCallReader.Part> parts = new ArrayList<>(reader.append(answer));
        parts.addAll(reader.finish());
        var text = new StringBuilder();
        List<FunctionCall> calls = new ArrayList<>();
        for (ToolCallReader.Part part : parts) {
            switch (part) {
                case ToolCallReader.Text piece -> text.append(piece.text());
                case ToolCallReader.Call call ->
                        calls.add(FunctionCall.of(call.call(), Optional.empty()));
            }
        }
        boolean callsAlone = !calls.isEmpty() && text.isEmpty();
        return new ChatMessage(
                "assistant",
                callsAlone ? Optional.empty() : Optional.of(text.toString()),
                Optional.empty(),
                calls);
    }

    private static Optional<String> finishReason(Generation generation, boolean calls) {
        return ResponseWriter.finishReason(generation)
                .map(reason -> calls && reason.equals("stop") ? "tool_calls" : reason);
    }

    @Override
    public Map<String, List<?>> logprobs(int choice, List<ScoredToken> tokens) {
        return Map.of("content", tokens.stream().map(TokenLogprob::of).toList());
    }

    @Override
    public List<?> firstChunks(int choice) {
        toolCalls.ifPresent(reader -> readers.put(choice, reader.get()));
        var delta = new Delta(Optional.of("assistant"), Optional.of(""), Optional.empty());
        return List.of(chunk(choice, delta, Optional.empty(), Optional.empty()));
    }

    @Override
    public List<?> chunks(int choice, TokenStream.Chunk piece, boolean logprobs) {
        List<Delta> deltas =
                toolCalls.isEmpty()
                        ? List.of(Delta.text(piece.text()))
                        : deltas(choice, readers.get(choice).append(piece.text()));
        if (!logprobs) {
            return chunks(choice, deltas);
        }
        Optional<Map<String, List<?>>> scores = Optional.of(logprobs(choice, piece.tokens()));
        List<Object> chunks = new ArrayList<>();
        chunks.add(
                chunk(
                        choice,
                        deltas.isEmpty() ? Delta.text("") : deltas.getFirst(),
                        scores,
                        Optional.empty()));
        chunks.addAll(chunks(choice, deltas.stream().skip(1).toList()));
        return chunks;
    }

    private List<?> chunks(int choice, List<Delta> deltas) {
        return deltas.stream()
                .map(delta -> chunk(choice, delta, Optional.empty(), Optional.empty()))
                .toList();
    }

    /// @param parts the latest ones of the choice's reader
    private List<Delta> deltas(int choice, List<ToolCallReader.Part> parts) {
        long calls = parts.stream().filter(ToolCallReader.Call.class::isInstance).count();
        int index = readers.get(choice).calls() - (int) calls;
        List<Delta> deltas = new ArrayList<>();
        for (ToolCallReader.Part part : parts) {
            switch (part) {
                case ToolCallReader.Text text -> deltas.add(Delta.text(text.text()));
                case ToolCallReader.Call call ->
                        deltas.add(
                                new Delta(
                                        Optional.empty(),
                                        Optional.empty(),
                                        Optional.of(
                                                List.of(
                                                        FunctionCall.of(
                                                                call.call(),
                                                                Optional.of(index++))))));
            }
        }
        return deltas;
    }

    @Override
    public List<?> finishChunks(int choice, Generation generation) {
        List<Object> chunks = new ArrayList<>();
        Optional<ToolCallReader> reader = Optional.ofNullable(readers.get(choice));
        reader.ifPresent(it -> chunks.addAll(chunks(choice, deltas(choice, it.finish()))));
        boolean calls = reader.filter(it -> it.calls() > 0).isPresent();
        chunks.add(chunk(choice, Delta.NOTHING, Optional.empty(), finishReason(generation, calls)));
        return chunks;
    }

    @Override
    public Object usageChunk(List<Generation> generations) {
        return completion(CHUNK, List.of(), Optional.of(Usage.of(generations, count)));
    }

    private ChatCompletion chunk(
            int index,
            Delta delta,
            Optional<Map<String, List<?>>> logprobs,
            Optional<String> finishReason) {
        var choice = new ChunkChoice(index, delta, logprobs, finishReason);
        return completion(CHUNK, List.of(choice), Optional.empty());
    }

    private ChatCompletion completion(String object, List<?> choices, Optional<Usage> usage) {
        return new ChatCompletion(id, object, created, model, choices, usage);
    }
}
