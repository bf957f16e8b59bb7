package org.wanda4j.model.families;

/// How many heads attention has, and how wide they are.
///
/// @param queries number of query heads
/// @param keyValues number of key and value heads; divides `queries`
/// @param size width of a head
record Heads(int queries, int keyValues, int size) {

    /// More than any model has.
    private static final int MOST = 4096;

    /// `num_attention_heads`, `num_key_value_heads` (as many where it is absent) and `head_dim` (the hidden size by heads
    /// where it is absent).
    static Heads of(ModelConfig config) {
        int queries = config.size("num_attention_heads");
        int keyValues = config.size("num_key_value_heads", queries);
        int size = config.size("head_dim", config.width("hidden_size") / queries);
        if (queries % keyValues != 0) {
            throw config.invalid(
                    "num_key_value_heads",
                    "must divide num_attention_heads, is %d for %d heads"
                            .formatted(keyValues, queries));
        }
        if (size < 2) {
            throw config.invalid(
                    "head_dim", "must be even to be rotated, and at least 2; is " + size);
        }
        return checked(config, new Heads(queries, keyValues, size));
    }

    /// Heads that share the hidden size, as many of keys as of queries.
    ///
    /// @param key entry that says how many there are
    static Heads sharing(ModelConfig config, String key) {
        return sharing(config, key, config.size(key));
    }

    /// Heads that share the hidden size.
    ///
    /// @param key entry that says how many there are
    /// @param keyValues number of key and value heads
    static Heads sharing(ModelConfig config, String key, int keyValues) {
        int hidden = config.width("hidden_size");
        int queries = config.size(key);
        if (hidden % queries != 0) {
            throw config.invalid(key, "must divide hidden_size, is " + queries + " for " + hidden);
        }
        if (queries % keyValues != 0) {
            throw config.invalid(
                    key, "must be a multiple of the %d key and value heads".formatted(keyValues));
        }
        return checked(config, new Heads(queries, keyValues, hidden / queries));
    }

    private static Heads checked(ModelConfig config, Heads heads) {
        if (heads.queries > MOST || (long) heads.queries * heads.size > Integer.MAX_VALUE / 3) {
            throw config.invalid(
                    "num_attention_heads",
                    "is too large: " + heads.queries + " heads of " + heads.size);
        }
        return heads;
    }

    /// Outputs of the query projection.
    int queryWidth() {
        return queries * size;
    }

    /// Outputs of the key projection, and of the value projection.
    int keyWidth() {
        return keyValues * size;
    }
}
