package org.wanda4j.checkpoint;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/// The digest that names content.
public final class Sha256 {

    private Sha256() {}

    /// A digest of nothing yet.
    public static MessageDigest begin() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
