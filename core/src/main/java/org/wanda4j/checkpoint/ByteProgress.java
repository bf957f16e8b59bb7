package org.wanda4j.checkpoint;

/// Receives how far something has come that is measured in bytes.
public interface ByteProgress {

    /// Drops what it receives.
    ByteProgress NONE =
            new ByteProgress() {
                @Override
                public void start(String what, long bytes) {}

                @Override
                public void advance(long bytes, String step) {}
            };

    /// It begins.
    ///
    /// @param what the name of what is fetched or imported
    /// @param bytes that are to come
    void start(String what, long bytes);

    /// Some bytes are there.
    ///
    /// @param bytes since the last call; negative where some have to come again
    /// @param step what was done last
    void advance(long bytes, String step);
}
