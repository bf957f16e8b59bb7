package org.wanda4j.hub;

/// Receives how far a download has come. Called from any thread.
public interface FetchProgress {

    /// Drops what it receives.
    FetchProgress NONE =
            new FetchProgress() {
                @Override
                public void start(String what, long bytes) {}

                @Override
                public void advance(long bytes, String step) {}

                @Override
                public void note(String text) {}
            };

    /// A download begins.
    ///
    /// @param what its id
    /// @param bytes that are to come
    void start(String what, long bytes);

    /// Some bytes are there.
    ///
    /// @param bytes since the last call; negative where some have to come again
    /// @param step how many files are there
    void advance(long bytes, String step);

    /// Something that the user should know, such as why nothing comes.
    void note(String text);
}
