package org.wanda4j.data;

import com.github.luben.zstd.ZstdInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Collection;
import java.util.function.BiConsumer;
import org.wanda4j.text.TextFormats;
import tools.jackson.databind.node.ObjectNode;

/// zstd and Parquet for [org.wanda4j.text.Corpus#open(Path, org.wanda4j.text.TextSettings)].
public final class DataFormats implements TextFormats {

    /// Reads by zstd-jni and Hardwood.
    public DataFormats() {}

    @Override
    public InputStream decompressZstd(InputStream in) throws IOException {
        return new ZstdInputStream(in);
    }

    @Override
    public void forEachRow(
            Path parquet, Collection<String> fields, BiConsumer<ObjectNode, String> use) {
        ParquetRows.forEach(parquet, fields, Integer.MAX_VALUE, ParquetRows.PATIENCE, use);
    }
}
