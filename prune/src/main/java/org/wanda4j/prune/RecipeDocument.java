package org.wanda4j.prune;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.text.Corpus;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.tune.Tuning;

/// `wanda-recipe.json`: everything that decides a result. Serialised as it stands: `docs/json.md` documents the fields.
record RecipeDocument(
        String method,
        String pattern,
        double sparsity,
        String allocation,
        Map<String, Double> sparsityOf,
        Optional<Tuning> tuning,
        String order,
        String dtype,
        Optional<CalibrationDocument> calibration,
        List<String> skip,
        List<String> only,
        Optional<String> modelSha256,
        Versions versions) {

    record CalibrationDocument(
            String text,
            String textSha256,
            String sampler,
            int windows,
            int seqlen,
            long seed,
            boolean allExperts) {}

    /// @param recipe with nothing left open
    /// @param calibrated whether the text is read
    static RecipeDocument of(Recipe recipe, Corpus text, boolean calibrated) {
        Optional<CalibrationDocument> calibration =
                calibrated
                        ? Optional.of(
                                new CalibrationDocument(
                                        text.name(),
                                        text.sha256(),
                                        recipe.sampling().sampler().name().toLowerCase(Locale.ROOT),
                                        recipe.sampling().windows(),
                                        recipe.sampling().seqlen().orElseThrow(),
                                        recipe.sampling().seed(),
                                        recipe.sampling().allExperts()))
                        : Optional.empty();
        return new RecipeDocument(
                recipe.method(),
                recipe.pattern() instanceof SparsityPattern.NofM pattern
                        ? pattern.toString()
                        : "unstructured",
                recipe.pattern().sparsity(),
                recipe.allocation().toString(),
                recipe.sparsityOf(),
                recipe.tuning(),
                recipe.order().toString(),
                recipe.type().map(ComputeType::toString).orElseThrow(),
                calibration,
                recipe.skip(),
                recipe.only(),
                Optional.empty(),
                Versions.current());
    }

    /// This recipe, for a model of that digest.
    RecipeDocument withModel(Optional<String> sha256) {
        return new RecipeDocument(
                method,
                pattern,
                sparsity,
                allocation,
                sparsityOf,
                tuning,
                order,
                dtype,
                calibration,
                skip,
                only,
                sha256,
                versions);
    }
}
