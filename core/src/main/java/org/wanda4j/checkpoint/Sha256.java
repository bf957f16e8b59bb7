package org.wanda4j.checkpoint;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/// SHA-256 digests.
public final class Sha256 {

    private Sha256() {}

    /// A new digest.
    public static MessageDigest begin() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
