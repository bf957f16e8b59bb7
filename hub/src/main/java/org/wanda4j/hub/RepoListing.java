package org.wanda4j.hub;

import java.net.URI;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import tools.jackson.databind.JsonNode;

/// What the hub says of a repository at a revision: the commit, and the files that may be of use here.
///
/// @param commit the digest of the commit
/// @param files in the root of a model, in all folders of a data set
record RepoListing(String commit, List<RepoFile> files) {

    private static final int MOST_FILES = 200_000;
    private static final int MOST_PAGES = 1_000;
    private static final Pattern NEXT = Pattern.compile("<([^>]+)>\\s*;\\s*rel=\"?next\"?");

    /// Asks the hub.
    ///
    /// @throws InvalidInputException when it refuses, or its answer cannot be used
    static RepoListing of(HubClient client, HubId id)
            throws InterruptedException, UnavailableException {
        String place = id + ": the hub's answer";
        String commit =
                commit(
                        client.get(address(client, id, "revision", id.revisionOrMain())).body(),
                        place);
        List<RepoFile> files = new ArrayList<>();
        Set<String> paths = new HashSet<>();
        URI tree = address(client, id, "tree", commit);
        Optional<URI> next =
                Optional.of(
                        id.kind() == HubId.Kind.MODEL
                                ? tree
                                : URI.create(tree + "?recursive=true"));
        for (int pages = 0; next.isPresent(); pages++) {
            HttpResponse<byte[]> page = client.get(next.get());
            for (RepoFile file : files(page.body(), place)) {
                if (!paths.add(file.path())) {
                    throw new InvalidInputException(
                            "%s: the hub lists %s twice".formatted(id, file.path()));
                }
                files.add(file);
            }
            if (pages >= MOST_PAGES || files.size() > MOST_FILES) {
                throw new InvalidInputException(
                        "%s: more files than can be chosen from; fetch those that you need by another tool, and give their folder"
                                .formatted(id));
            }
            next =
                    next(page.uri(), page.headers().firstValue("Link").orElse(""))
                            .filter(client::isHub);
        }
        return new RepoListing(commit, List.copyOf(files));
    }

    private static URI address(HubClient client, HubId id, String what, String revision) {
        return client.address(
                "api", id.kind().plural(), id.owner(), id.repository(), what, revision);
    }

    /// Reads the answer to a revision.
    static String commit(byte[] answer, String place) {
        String commit = Json.parse(answer, place).path("sha").asString("");
        if (!RepoCache.isCommit(commit)) {
            throw new InvalidInputException(
                    place + ": names no commit; is HF_ENDPOINT a server of the hub's interface?");
        }
        return commit;
    }

    /// Reads a page of a listing.
    static List<RepoFile> files(byte[] answer, String place) {
        List<RepoFile> files = new ArrayList<>();
        for (JsonNode entry : Json.parseArray(answer, place)) {
            if (entry.path("type").asString("").equals("file")) {
                files.add(RepoFile.read(entry, place));
            }
        }
        return files;
    }

    /// Where a listing goes on.
    ///
    /// @param link the answer's header of that name
    static Optional<URI> next(URI page, String link) {
        Matcher next = NEXT.matcher(link);
        try {
            return next.find()
                    ? Optional.of(page.resolve(next.group(1))).filter(HubClient::isWeb)
                    : Optional.empty();
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }
}
