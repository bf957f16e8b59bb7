package org.wanda4j.text;

import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.exc.JacksonIOException;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// JSON from outside: the depth of nesting is limited, and nothing may follow the value.
final class BoundedJson {

    private static final int MAX_DEPTH = 64;

    static final JsonMapper MAPPER =
            JsonMapper.builder(
                            JsonFactory.builder()
                                    .streamReadConstraints(
                                            StreamReadConstraints.builder()
                                                    .maxNestingDepth(MAX_DEPTH)
                                                    .build())
                                    .build())
                    .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                    .build();

    private BoundedJson() {}

    /// Why a text could not be read as JSON, in one line.
    static String reason(JacksonException e) {
        String kind = e instanceof JacksonIOException ? "cannot be read: " : "malformed JSON: ";
        return kind + e.getOriginalMessage().lines().findFirst().orElse("");
    }
}
