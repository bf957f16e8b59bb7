package org.wanda4j.calibrate;

/// Receives how far long work has come. Called from any thread.
public interface Progress {

    /// Drops what it receives.
    Progress NONE =
            new Progress() {
                @Override
                public void start(String what, long tokens) {}

                @Override
                public void advance(long tokens, String step) {}
            };

    /// A piece of work begins; the one before is done.
    ///
    /// @param tokens how many it will take in all
    void start(String what, long tokens);

    /// Some of it is done.
    ///
    /// @param tokens since the last call
    /// @param step what is being done
    void advance(long tokens, String step);

    /// This progress, with `place` before every step.
    default Progress within(String place) {
        Progress whole = this;
        return new Progress() {
            @Override
            public void start(String what, long tokens) {
                whole.start(what, tokens);
            }

            @Override
            public void advance(long tokens, String step) {
                whole.advance(tokens, place + " " + step);
            }
        };
    }
}
