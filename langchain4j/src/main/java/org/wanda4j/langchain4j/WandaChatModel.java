package org.wanda4j.langchain4j;

import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.model.chat.Capability;
import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.response.ChatResponse;
import java.util.Set;
import org.wanda4j.runtime.LanguageModel;
import org.wanda4j.runtime.Sampling;
import org.wanda4j.text.ChatTemplate;

/// Answers conversations by a model in this process. Answers that a JSON schema is given for have its form, and calls of tools are read
/// where the model's template has one of the forms known.
///
/// Thread-safe: requests at the same time are decoded in one batch.
public final class WandaChatModel implements ChatModel {

    private final LanguageModel model;
    private final ChatTemplate template;
    private final Sampling defaults;

    /// A chat model.
    ///
    /// @param model stays open as long as this is used
    /// @param defaults of what a request leaves open
    public WandaChatModel(LanguageModel model, ChatTemplate template, Sampling defaults) {
        this.model = model;
        this.template = template;
        this.defaults = defaults;
    }

    @Override
    public ChatResponse doChat(ChatRequest request) {
        try (Turn turn = Turn.start(model, template, defaults, request)) {
            return turn.read(
                    new Turn.Listener() {

                        @Override
                        public void text(String piece) {
                            // The response has it.
                        }

                        @Override
                        public void call(int index, ToolExecutionRequest call) {
                            // The response has it.
                        }
                    });
        }
    }

    @Override
    public Set<Capability> supportedCapabilities() {
        return Set.of(Capability.RESPONSE_FORMAT_JSON_SCHEMA);
    }
}
