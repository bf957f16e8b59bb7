package org.wanda4j.serve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.openai.client.OpenAIClient;
import com.openai.core.JsonValue;
import com.openai.errors.OpenAIServiceException;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionStreamOptions;
import com.openai.models.chat.completions.ChatCompletionTokenLogprob;
import com.openai.models.completions.Completion;
import com.openai.models.completions.CompletionChoice;
import com.openai.models.completions.CompletionCreateParams;
import com.openai.models.models.Model;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.runtime.Sampling;

/// The server, as OpenAI's own client for Java sees it.
class ServerTest extends ClientTest {

    private static final int TOKENS = 24;
    private static final Sampling GREEDY = Sampling.GREEDY.withMaxTokens(TOKENS);

    @BeforeAll
    static void start() throws IOException {
        start(4, 16);
    }

    @Test
    void theModelIsListed() {
        List<Model> models = client.models().list().data();
        assertEquals(List.of("tiny"), models.stream().map(Model::id).toList());
        assertEquals("tiny", client.models().retrieve("tiny").id());
    }

    @Test
    void aCompletionIsWhatTheModelWrites() {
        Completion completion = client.completions().create(completion("The king").build());
        CompletionChoice choice = completion.choices().getFirst();
        assertEquals(alone("The king"), choice.text());
        assertEquals(CompletionChoice.FinishReason.LENGTH, choice.finishReason());
        assertEquals(TOKENS, completion.usage().orElseThrow().completionTokens());
        int prompt = running.model().tokens("The king").length;
        assertEquals(prompt, completion.usage().orElseThrow().promptTokens());
        assertEquals(prompt + TOKENS, completion.usage().orElseThrow().totalTokens());
        completion.validate();
    }

    @Test
    void aPromptMayBeTokens() {
        long[] tokens = Arrays.stream(running.model().tokens("The king")).asLongStream().toArray();
        var params =
                completion("")
                        .prompt(
                                CompletionCreateParams.Prompt.ofArrayOfTokens(
                                        Arrays.stream(tokens).boxed().toList()))
                        .build();
        assertEquals(
                alone("The king"), client.completions().create(params).choices().getFirst().text());
    }

    @Test
    void aStopTextEndsACompletion() {
        String text = alone("The king");
        String stop = text.substring(10, 13);
        Completion completion =
                client.completions().create(completion("The king").stop(stop).build());
        CompletionChoice choice = completion.choices().getFirst();
        assertEquals(text.substring(0, text.indexOf(stop)), choice.text());
        assertEquals(CompletionChoice.FinishReason.STOP, choice.finishReason());
    }

    @Test
    void theTokensOfACompletionAreToldWithTheLikeliest() {
        CompletionChoice choice =
                client.completions()
                        .create(completion("The king").logprobs(3).build())
                        .choices()
                        .getFirst();
        CompletionChoice.Logprobs logprobs = choice.logprobs().orElseThrow();
        List<String> tokens = logprobs.tokens().orElseThrow();
        assertEquals(choice.text(), String.join("", tokens));
        assertEquals(TOKENS, logprobs.tokenLogprobs().orElseThrow().size());
        for (int i = 0; i < TOKENS; i++) {
            assertTrue(
                    choice.text()
                            .substring(logprobs.textOffset().orElseThrow().get(i).intValue())
                            .startsWith(tokens.get(i)));
            var likeliest = logprobs.topLogprobs().orElseThrow().get(i)._allProperties();
            assertTrue(likeliest.containsKey(tokens.get(i)), likeliest::toString);
        }
    }

    @Test
    void aCompletionInPartsIsTheWhole() {
        try (var parts = client.completions().createStreaming(completion("The king").build())) {
            String text =
                    parts.stream()
                            .flatMap(part -> part.choices().stream())
                            .map(CompletionChoice::text)
                            .collect(Collectors.joining());
            assertEquals(alone("The king"), text);
        }
    }

    @Test
    void aChatIsWrittenByTheTemplate() {
        ChatCompletion completion = client.chat().completions().create(chat("Hello").build());
        ChatCompletion.Choice choice = completion.choices().getFirst();
        assertEquals(
                alone("system: Be kind.\nuser: Hello\nassistant:"),
                choice.message().content().orElseThrow());
        assertEquals(ChatCompletion.Choice.FinishReason.LENGTH, choice.finishReason());
        assertEquals(TOKENS, completion.usage().orElseThrow().completionTokens());
        completion.validate();
    }

    @Test
    void aChatInPartsIsTheWholeAndCounted() {
        var params =
                chat("Hello")
                        .streamOptions(
                                ChatCompletionStreamOptions.builder().includeUsage(true).build())
                        .build();
        try (var parts = client.chat().completions().createStreaming(params)) {
            List<ChatCompletionChunk> chunks = parts.stream().toList();
            assertEquals(
                    alone("system: Be kind.\nuser: Hello\nassistant:"),
                    chunks.stream()
                            .flatMap(chunk -> chunk.choices().stream())
                            .map(choice -> choice.delta().content().orElse(""))
                            .collect(Collectors.joining()));
            assertEquals(1, chunks.stream().map(ChatCompletionChunk::id).distinct().count());
            assertEquals(TOKENS, chunks.getLast().usage().orElseThrow().completionTokens());
            assertEquals(
                    List.of(ChatCompletionChunk.Choice.FinishReason.LENGTH),
                    chunks.stream()
                            .flatMap(chunk -> chunk.choices().stream())
                            .flatMap(choice -> choice.finishReason().stream())
                            .toList());
            chunks.forEach(ChatCompletionChunk::validate);
        }
    }

    @Test
    void theTokensOfAChatAreToldWithTheLikeliest() {
        ChatCompletion.Choice choice =
                client.chat()
                        .completions()
                        .create(chat("Hello").logprobs(true).topLogprobs(2).build())
                        .choices()
                        .getFirst();
        List<ChatCompletionTokenLogprob> tokens =
                choice.logprobs().orElseThrow().content().orElseThrow();
        assertEquals(
                choice.message().content().orElseThrow(),
                tokens.stream()
                        .map(ChatCompletionTokenLogprob::token)
                        .collect(Collectors.joining()));
        for (ChatCompletionTokenLogprob token : tokens) {
            assertEquals(2, token.topLogprobs().size());
            assertEquals(token.token(), token.topLogprobs().getFirst().token());
            assertEquals(token.logprob(), token.topLogprobs().getFirst().logprob());
            assertTrue(token.logprob() < 0);
        }
    }

    @Test
    void oneSeedGivesOneText() {
        var params =
                chat("Hello")
                        .temperature(1)
                        .putAdditionalBodyProperty("seed", JsonValue.from(7))
                        .putAdditionalBodyProperty("top_k", JsonValue.from(50));
        assertEquals(text(params), text(params));
        var others =
                Stream.of(1, 2, 3)
                        .map(seed ->
                                text(
                                        params.putAdditionalBodyProperty(
                                                "seed", JsonValue.from(seed))))
                        .distinct();
        assertTrue(others.count() > 1);
    }

    @Test
    void requestsAtTheSameTimeGetWhatTheyGetAlone() {
        List<String> prompts = List.of("The king", "In the year", "A", "She was", "London", "I");
        List<CompletableFuture<String>> together =
                prompts.stream()
                        .map(prompt ->
                                CompletableFuture.supplyAsync(
                                        () ->
                                                client.completions()
                                                        .create(completion(prompt).build())
                                                        .choices()
                                                        .getFirst()
                                                        .text(),
                                        task -> Thread.ofVirtual().start(task)))
                        .toList();
        assertEquals(
                prompts.stream().map(ServerTest::alone).toList(),
                together.stream().map(CompletableFuture::join).toList());
    }

    @Test
    void whatCannotBeDoneIsRefusedInOpenAisShape() {
        var several = refused(() -> text(chat("Hello").n(129)));
        assertEquals(400, several.statusCode());
        assertEquals("n", several.param().orElseThrow());
        assertEquals("invalid_request_error", several.type().orElseThrow());
        assertTrue(several.getMessage().contains("from 1 to 128"), several.getMessage());

        var unknown = refused(() -> text(chat("Hello").model("gpt")));
        assertEquals(404, unknown.statusCode());
        assertEquals("model_not_found", unknown.code().orElseThrow());

        var tooMuch = refused(() -> text(chat("Hello").maxCompletionTokens(401)));
        assertEquals(400, tooMuch.statusCode());
        assertEquals("max_completion_tokens", tooMuch.param().orElseThrow());

        var tooLong = refused(() -> text(chat("word ".repeat(600))));
        assertEquals(400, tooLong.statusCode());
        assertEquals("context_length_exceeded", tooLong.code().orElseThrow());

        var tooLarge = refused(() -> text(chat("word ".repeat(100_000))));
        assertEquals(413, tooLarge.statusCode());

        var template = refused(() -> text(chat("Hello").addSystemMessage("Late.")));
        assertEquals(400, template.statusCode());
        assertTrue(template.getMessage().contains("the system speaks first"));
        assertFalse(template.getMessage().contains(directory.toString()));
    }

    @Test
    void aModelWithoutATemplateSaysSo(@TempDir Path plain) throws Exception {
        RunningServer.copyModel(plain);
        Files.delete(plain.resolve("chat_template.jinja"));
        try (RunningServer other = RunningServer.start(plain, 1, 1, Optional.empty())) {
            OpenAIClient caller = other.client("none");
            var refused = refused(() -> caller.chat().completions().create(chat("Hello").build()));
            assertEquals(400, refused.statusCode());
            assertTrue(refused.getMessage().contains("/v1/completions"), refused.getMessage());
        }
    }

    @Test
    void aKeyIsAskedFor() throws Exception {
        try (RunningServer locked = RunningServer.start(directory, 1, 1, Optional.of("s3cret"))) {
            OpenAIClient stranger = locked.client("guess");
            OpenAIClient friend = locked.client("s3cret");
            var refused = refused(() -> stranger.models().list());
            assertEquals(401, refused.statusCode());
            assertEquals("invalid_api_key", refused.code().orElseThrow());
            assertEquals(1, friend.models().list().data().size());
            assertEquals(401, locked.get("/metrics").statusCode());
            assertEquals(200, locked.get("/health").statusCode());
            assertEquals(200, locked.get("/").statusCode());
        }
    }

    private static OpenAIServiceException refused(Runnable call) {
        return assertThrows(OpenAIServiceException.class, call::run);
    }

    private static String text(ChatCompletionCreateParams.Builder params) {
        return client.chat()
                .completions()
                .create(params.build())
                .choices()
                .getFirst()
                .message()
                .content()
                .orElseThrow();
    }

    private static String alone(String prompt) {
        return running.model().generate(prompt, GREEDY, _ -> {}).text();
    }

    private static CompletionCreateParams.Builder completion(String prompt) {
        return CompletionCreateParams.builder()
                .model("tiny")
                .prompt(prompt)
                .temperature(0)
                .maxTokens(TOKENS);
    }

    private static ChatCompletionCreateParams.Builder chat(String message) {
        return ChatCompletionCreateParams.builder()
                .model("tiny")
                .addSystemMessage("Be kind.")
                .addUserMessage(message)
                .temperature(0)
                .maxCompletionTokens(TOKENS);
    }
}
