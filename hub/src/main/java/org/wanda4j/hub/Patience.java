package org.wanda4j.hub;

import java.time.Duration;

/// How long a failing connection is tried.
///
/// @param attempts that bring nothing, one after the other
/// @param pause before the second one; doubled before each further
/// @param longestPause that a server may ask for
/// @param silence of a connection after which it is given up
record Patience(int attempts, Duration pause, Duration longestPause, Duration silence) {

    static final Patience DEFAULT =
            new Patience(5, Duration.ofSeconds(1), Duration.ofSeconds(60), Duration.ofSeconds(30));

    /// Waits before an attempt.
    ///
    /// @param failures before it, at least 1
    void waitAfter(int failures) throws InterruptedException {
        Thread.sleep(pause.multipliedBy(1L << Math.min(failures - 1, 10)));
    }
}
