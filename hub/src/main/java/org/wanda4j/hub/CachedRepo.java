package org.wanda4j.hub;

import java.util.List;

/// A repository in the cache, at all commits that were fetched.
///
/// @param id as it is given to a command
/// @param bytes of all its files on the disk
/// @param incompleteBytes how many of these belong to downloads that did not end
/// @param revisions the commits
public record CachedRepo(
        String id, long bytes, long incompleteBytes, List<CachedRevision> revisions) {

    /// A commit.
    ///
    /// @param refs branches and tags that were at it
    /// @param files how many of it were fetched
    /// @param bytes of these; commits share them
    public record CachedRevision(String commit, List<String> refs, int files, long bytes) {}
}
