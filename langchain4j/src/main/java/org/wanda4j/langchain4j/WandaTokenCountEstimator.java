package org.wanda4j.langchain4j;

import dev.langchain4j.data.message.ChatMessage;
import dev.langchain4j.model.TokenCountEstimator;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.runtime.LanguageModel;
import org.wanda4j.text.ChatTemplate;
import org.wanda4j.text.ChatTemplate.Ending;
import org.wanda4j.text.ChatTemplate.Message;

/// Counts tokens by the model's own tokenizer; those of messages with what its chat template writes around them.
public final class WandaTokenCountEstimator implements TokenCountEstimator {

    private final LanguageModel model;
    private final ChatTemplate template;

    /// An estimator.
    ///
    /// @param model stays open as long as this is used
    public WandaTokenCountEstimator(LanguageModel model, ChatTemplate template) {
        this.model = model;
        this.template = template;
    }

    @Override
    public int estimateTokenCountInText(String text) {
        return model.tokensAsWritten(text).length;
    }

    @Override
    public int estimateTokenCountInMessage(ChatMessage message) {
        return count(TemplateMessages.of(List.of(message)));
    }

    @Override
    public int estimateTokenCountInMessages(Iterable<ChatMessage> messages) {
        List<ChatMessage> all = new ArrayList<>();
        messages.forEach(all::add);
        return all.isEmpty() ? 0 : count(TemplateMessages.of(all));
    }

    /// A template may refuse messages that are no conversation, as an answer alone: then their texts are counted.
    private int count(List<Message> messages) {
        try {
            return estimateTokenCountInText(template.render(messages, Ending.CLOSED, Map.of()));
        } catch (InvalidInputException e) {
            return messages.stream()
                    .mapToInt(message -> estimateTokenCountInText(message.content()))
                    .sum();
        }
    }
}
