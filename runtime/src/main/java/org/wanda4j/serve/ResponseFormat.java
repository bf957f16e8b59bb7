package org.wanda4j.serve;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.grammar.Grammar;
import org.wanda4j.grammar.JsonGrammar;

/// Grammars of the field `response_format`. The latest ones are kept, with what was found of the tokens that may follow.
final class ResponseFormat {

    private static final String FORMAT = "response_format";
    private static final String SCHEMA = "json_schema";
    private static final int KEPT = 4;

    private final Map<String, Grammar> latest =
            new LinkedHashMap<>() {

                private static final long serialVersionUID = 1;

                @Override
                protected boolean removeEldestEntry(Map.Entry<String, Grammar> eldest) {
                    return size() > KEPT;
                }
            };

    /// The grammar of a request's answer; empty where it may be any text.
    ///
    /// @throws ApiException when the format is none that is supported
    Optional<Grammar> grammar(RequestFields fields) {
        Optional<RequestFields> format = fields.object(FORMAT);
        if (format.isEmpty()) {
            return Optional.empty();
        }
        return switch (format.get().string("type").orElse("")) {
            case "text" -> Optional.empty();
            case "json_object" -> Optional.of(kept("", JsonGrammar::anyObject));
            case SCHEMA -> Optional.of(ofSchema(format.get()));
            default ->
                    throw format.get().invalid("type", "must be text, json_object or json_schema");
        };
    }

    private Grammar ofSchema(RequestFields format) {
        RequestFields named =
                format.object(SCHEMA).orElseThrow(() -> format.invalid(SCHEMA, "is missing"));
        RequestFields schema =
                named.object("schema").orElseThrow(() -> named.invalid("schema", "is missing"));
        try {
            return kept(
                    Json.writeLine(schema.object()), () -> JsonGrammar.ofSchema(schema.object()));
        } catch (InvalidInputException e) {
            throw named.invalid("schema", "cannot be used: " + e.getMessage());
        }
    }

    private synchronized Grammar kept(String key, Supplier<Grammar> otherwise) {
        Grammar grammar = Optional.ofNullable(latest.remove(key)).orElseGet(otherwise);
        latest.put(key, grammar); // the last to be removed
        return grammar;
    }
}
