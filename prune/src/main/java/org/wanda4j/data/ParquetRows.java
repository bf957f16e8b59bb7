package org.wanda4j.data;

import dev.hardwood.InputFile;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.reader.RowReader;
import dev.hardwood.row.PqList;
import dev.hardwood.row.PqStruct;
import dev.hardwood.row.StructAccessor;
import dev.hardwood.schema.ColumnProjection;
import dev.hardwood.schema.SchemaNode;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.threads.Threads;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// The rows of a Parquet file as JSON objects: how dataset hubs store what they also give as JSON lines.
public final class ParquetRows {

    /// How long a row may take to come.
    public static final Duration PATIENCE = Duration.ofSeconds(30);

    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

    private ParquetRows() {}

    /// Gives the first `limit` rows to `use`, each with its place for messages, the file and its number from 1; on a thread that is abandoned when no row has come for `patience`: there are
    /// broken files at which the library loops for ever. It cannot be stopped then: its threads stay busy as long as the process lives.
    ///
    /// @param fields what is read of a row where it is there; where none of them is, all of it is read
    /// @throws InvalidInputException when the file cannot be read
    public static void forEach(
            Path file,
            Collection<String> fields,
            int limit,
            Duration patience,
            BiConsumer<ObjectNode, String> use) {
        var rows = new AtomicInteger();
        var reading = new FutureTask<>(() -> read(file, fields, limit, rows, use), null);
        Thread thread = Thread.ofVirtual().start(reading);
        try {
            int before;
            do {
                before = rows.get();
            } while (!thread.join(patience) && rows.get() > before);
        } catch (InterruptedException e) {
            reading.cancel(true);
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", e);
        }
        if (reading.cancel(true)) {
            throw new InvalidInputException(
                    unreadable(file, "no row came for " + patience.toSeconds() + " s"));
        }
        if (reading.state() == Future.State.FAILED) {
            throw Threads.rethrow(reading.exceptionNow());
        }
    }

    private static void read(
            Path file,
            Collection<String> fields,
            int limit,
            AtomicInteger number,
            BiConsumer<ObjectNode, String> use) {
        try (ParquetFileReader parquet = ParquetFileReader.open(InputFile.of(file));
                RowReader rows =
                        parquet.buildRowReader()
                                .projection(projection(parquet, fields))
                                .head(limit)
                                .build()) {
            while (rows.hasNext()) {
                rows.next();
                use.accept(object(rows), file + ":" + number.incrementAndGet());
            }
        } catch (InvalidInputException e) {
            throw e;
        } catch (IOException | RuntimeException e) {
            throw new InvalidInputException(unreadable(file, e.getMessage()), e);
        } catch (OutOfMemoryError e) {
            throw new InvalidInputException(
                    unreadable(file, "it asks for more memory than there is"), e);
        }
    }

    /// Other columns are not even decompressed.
    private static ColumnProjection projection(
            ParquetFileReader parquet, Collection<String> fields) {
        String[] there =
                parquet.getFileSchema().getRootNode().children().stream()
                        .map(SchemaNode::name)
                        .filter(fields::contains)
                        .toArray(String[]::new);
        return there.length == 0 ? ColumnProjection.all() : ColumnProjection.columns(there);
    }

    private static String unreadable(Path file, String reason) {
        String line = String.valueOf(reason).lines().findFirst().orElse("");
        return file + ": not to be read as Parquet: " + line;
    }

    private static ObjectNode object(StructAccessor fields) {
        ObjectNode object = NODES.objectNode();
        for (int i = 0; i < fields.getFieldCount(); i++) {
            object.set(fields.getFieldName(i), node(fields.getValue(i)));
        }
        return object;
    }

    private static ArrayNode array(PqList list) {
        ArrayNode array = NODES.arrayNode();
        list.values().forEach(value -> array.add(node(value)));
        return array;
    }

    private static JsonNode node(Object value) {
        return switch (value) {
            case null -> NODES.nullNode();
            case PqStruct struct -> object(struct);
            case PqList list -> array(list);
            case byte[] bytes -> NODES.binaryNode(bytes);
            case Boolean truth -> NODES.booleanNode(truth);
            default -> NODES.stringNode(value.toString());
        };
    }
}
