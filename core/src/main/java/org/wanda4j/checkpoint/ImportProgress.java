package org.wanda4j.checkpoint;

/// Receives how far the import of a GGUF file has come.
public interface ImportProgress {

    /// Drops what it receives.
    ImportProgress NONE =
            new ImportProgress() {
                @Override
                public void start(String what, long bytes) {}

                @Override
                public void advance(long bytes, String step) {}
            };

    /// The import begins.
    ///
    /// @param what the file's name
    /// @param bytes that are to be written
    void start(String what, long bytes);

    /// Some bytes are written.
    ///
    /// @param bytes since the last call
    /// @param step the tensor that they are
    void advance(long bytes, String step);
}
