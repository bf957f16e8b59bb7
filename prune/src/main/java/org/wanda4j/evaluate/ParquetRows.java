package org.wanda4j.evaluate;

import dev.hardwood.InputFile;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.reader.RowReader;
import dev.hardwood.row.PqList;
import dev.hardwood.row.PqStruct;
import dev.hardwood.row.StructAccessor;
import java.io.IOException;
import java.nio.file.Path;
import org.wanda4j.checkpoint.InvalidInputException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// The rows of a Parquet file as JSON objects: how dataset hubs store what they also give as JSON lines.
final class ParquetRows {

    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

    private ParquetRows() {}

    static void forEach(Path file, int limit, Items.Use use) {
        try (ParquetFileReader parquet = ParquetFileReader.open(InputFile.of(file));
                RowReader rows = parquet.buildRowReader().head(limit).build()) {
            for (int number = 1; rows.hasNext(); number++) {
                rows.next();
                use.accept(object(rows), file + ":" + number);
            }
        } catch (InvalidInputException e) {
            throw e;
        } catch (IOException | RuntimeException e) {
            throw new InvalidInputException(
                    file
                            + ": not to be read as Parquet: "
                            + String.valueOf(e.getMessage()).lines().findFirst().orElse(""),
                    e);
        }
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
            case Boolean truth -> NODES.booleanNode(truth);
            default -> NODES.stringNode(value.toString());
        };
    }
}
