package org.wanda4j.serve;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.wanda4j.checkpoint.Json;
import tools.jackson.core.JsonGenerator;
import tools.jackson.databind.JacksonSerializable;
import tools.jackson.databind.SerializationContext;
import tools.jackson.databind.jsontype.TypeSerializer;

/// Log probabilities of a completion that is not streamed, held as the JSON that they become.
///
/// With 20 alternatives a token is 90 objects, or 2 kB of JSON.
final class HeldLogprobs extends JacksonSerializable.Base implements AutoCloseable {

    private static final int PIECE = 1 << 16; // bytes

    private final HeldBytes heap;
    private final Map<String, Elements> lists = new LinkedHashMap<>();
    private long bytes;

    /// @param heap what it takes bytes from
    HeldLogprobs(HeldBytes heap) {
        this.heap = heap;
    }

    /// Elements of a JSON array with commas between them, in arrays of [#PIECE] bytes and a bit more. Each is whole characters.
    private static final class Elements {

        private final List<byte[]> full = new ArrayList<>();
        private final ByteArrayOutputStream last = new ByteArrayOutputStream();

        void append(byte[] json) {
            last.writeBytes(json);
            if (last.size() >= PIECE) {
                full.add(last.toByteArray());
                last.reset();
            }
        }

        boolean isEmpty() {
            return full.isEmpty() && last.size() == 0;
        }

        void write(JsonGenerator json) {
            json.writeStartArray();
            for (byte[] piece : full) {
                json.writeRaw(new String(piece, StandardCharsets.UTF_8));
            }
            json.writeRaw(last.toString(StandardCharsets.UTF_8));
            json.writeEndArray();
        }
    }

    /// Appends what [ResponseWriter#logprobs] makes of further tokens.
    ///
    /// @throws ApiException with status 503 where there is no heap for it
    void append(Map<String, List<?>> logprobs) {
        logprobs.forEach((name, list) -> {
            Elements elements = lists.computeIfAbsent(name, _ -> new Elements());
            if (!list.isEmpty()) {
                String array = Json.writeLine(list);
                String json = array.substring(1, array.length() - 1);
                append(
                        elements,
                        (elements.isEmpty() ? json : "," + json).getBytes(StandardCharsets.UTF_8));
            }
        });
    }

    private void append(Elements elements, byte[] json) {
        heap.take(json.length);
        bytes += json.length;
        elements.append(json);
    }

    @Override
    public void serialize(JsonGenerator json, SerializationContext context) {
        json.writeStartObject();
        lists.forEach((name, elements) -> {
            json.writeName(name);
            elements.write(json);
        });
        json.writeEndObject();
    }

    @Override
    public void serializeWithType(
            JsonGenerator json, SerializationContext context, TypeSerializer type) {
        serialize(json, context);
    }

    @Override
    public void close() {
        heap.giveBack(bytes);
        bytes = 0;
    }
}
