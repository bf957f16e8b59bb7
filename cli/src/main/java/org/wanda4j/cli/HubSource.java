package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.Optional;
import org.wanda4j.hub.HubId;
import org.wanda4j.hub.Snapshot;

/// What is named of the hub: `org/name[@revision][:PART]`.
///
/// @param part of a data set, some of its files; of a model, a GGUF file
record HubSource(HubId id, Optional<String> part) {

    /// What `text` names; empty where it is no such name.
    static Optional<HubSource> parse(String text) {
        String name = name(text);
        Optional<String> part =
                name.equals(text)
                        ? Optional.empty()
                        : Optional.of(text.substring(name.length() + 1));
        return HubId.parse(name)
                .filter(_ -> !part.equals(Optional.of("")))
                .map(id -> new HubSource(id, part));
    }

    /// Where it is in its snapshot: of a model the directory, or the GGUF file.
    Path place(Snapshot snapshot) {
        return part.map(snapshot::gguf).orElse(Path.of(snapshot.directory()));
    }

    /// What stands before the part.
    static String name(String text) {
        int end = text.indexOf(':');
        return end < 0 ? text : text.substring(0, end);
    }
}
