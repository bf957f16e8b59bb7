package org.wanda4j.langchain4j;

import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.model.chat.Capability;
import dev.langchain4j.model.chat.StreamingChatModel;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.CompleteToolCall;
import dev.langchain4j.model.chat.response.PartialResponse;
import dev.langchain4j.model.chat.response.PartialResponseContext;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.chat.response.StreamingHandle;
import java.util.Set;
import org.wanda4j.runtime.LanguageModel;
import org.wanda4j.runtime.Sampling;
import org.wanda4j.text.ChatTemplate;

/// Answers conversations as [WandaChatModel] does, and passes the answer on as it comes, in a thread of its own for each.
public final class WandaStreamingChatModel implements StreamingChatModel {

    private final LanguageModel model;
    private final ChatTemplate template;
    private final Sampling defaults;

    /// A chat model.
    ///
    /// @param model stays open as long as this is used
    /// @param defaults of what a request leaves open
    public WandaStreamingChatModel(LanguageModel model, ChatTemplate template, Sampling defaults) {
        this.model = model;
        this.template = template;
        this.defaults = defaults;
    }

    @Override
    public void doChat(ChatRequest request, StreamingChatResponseHandler handler) {
        Turn turn = Turn.start(model, template, defaults, request);
        Thread.ofVirtual().name("wanda-answer").start(() -> read(turn, handler));
    }

    /// An exception of the handler ends the answer.
    private static void read(Turn turn, StreamingChatResponseHandler handler) {
        ChatResponse response;
        try (turn) {
            response = turn.read(new Passing(handler, new Handle(turn)));
        } catch (RuntimeException | Error e) {
            handler.onError(e);
            return;
        }
        handler.onCompleteResponse(response);
    }

    private record Passing(StreamingChatResponseHandler handler, StreamingHandle handle)
            implements Turn.Listener {

        @Override
        public void text(String piece) {
            if (!handle.isCancelled()) {
                handler.onPartialResponse(
                        new PartialResponse(piece), new PartialResponseContext(handle));
            }
        }

        @Override
        public void call(int index, ToolExecutionRequest call) {
            if (!handle.isCancelled()) {
                handler.onCompleteToolCall(new CompleteToolCall(index, call));
            }
        }
    }

    private static final class Handle implements StreamingHandle {

        private final Turn turn;
        private volatile boolean cancelled;

        Handle(Turn turn) {
            this.turn = turn;
        }

        @Override
        public void cancel() {
            cancelled = true;
            turn.cancel();
        }

        @Override
        public boolean isCancelled() {
            return cancelled;
        }
    }

    @Override
    public Set<Capability> supportedCapabilities() {
        return Set.of(Capability.RESPONSE_FORMAT_JSON_SCHEMA);
    }
}
