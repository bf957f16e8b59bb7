package org.wanda4j.hub;

import org.wanda4j.checkpoint.ByteProgress;

/// Receives how far a download has come: its id at the start, and how many files are there at each step. Called from any thread.
public interface FetchProgress extends ByteProgress {

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

    /// Something that the user should know, such as why nothing comes.
    void note(String text);
}
