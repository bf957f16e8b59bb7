package org.wanda4j.recover;

import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.prune.Versions;
import org.wanda4j.recover.Recovery.Length;
import org.wanda4j.recover.Recovery.Objective;
import org.wanda4j.recover.Recovery.Scope;
import org.wanda4j.text.Corpus;
import org.wanda4j.torch.ComputeType;

/// `wanda-recovery-recipe.json`: everything that decides a result. Serialised as it stands: `docs/json.md` documents the fields.
///
/// @param learningRate as it was given; empty where the loss at the start decides it
/// @param steps of the run; empty while they are not known
/// @param modelSha256 of the pruned model, once it is known
/// @param teacherSha256 likewise
record RecoveryDocument(
        String train,
        OptionalInt rank,
        OptionalDouble alpha,
        String loss,
        OptionalDouble temperature,
        OptionalDouble hiddenLoss,
        OptionalDouble minutes,
        OptionalLong tokens,
        OptionalDouble learningRate,
        int windowsPerStep,
        int seqlen,
        long seed,
        Optional<String> values,
        String dtype,
        String text,
        String textSha256,
        Optional<Integer> steps,
        Optional<String> modelSha256,
        Optional<String> teacherSha256,
        Versions versions) {

    /// @param recovery with nothing left open
    static RecoveryDocument of(Recovery recovery, Corpus text) {
        return new RecoveryDocument(
                switch (recovery.scope()) {
                    case Scope.All _ -> "all";
                    case Scope.Norms _ -> "norms";
                    case Scope.LowRank _ -> "lora";
                },
                recovery.scope() instanceof Scope.LowRank(int rank, double _)
                        ? OptionalInt.of(rank)
                        : OptionalInt.empty(),
                recovery.scope() instanceof Scope.LowRank(int _, double alpha)
                        ? OptionalDouble.of(alpha)
                        : OptionalDouble.empty(),
                recovery.objective() instanceof Objective.Text ? "text" : "kl",
                recovery.objective() instanceof Objective.Logits(double temperature, double _)
                        ? OptionalDouble.of(temperature)
                        : OptionalDouble.empty(),
                recovery.objective() instanceof Objective.Logits(double _, double weight)
                        ? OptionalDouble.of(weight)
                        : OptionalDouble.empty(),
                recovery.minutes(),
                recovery.length() instanceof Length.Tokens(long tokens)
                        ? OptionalLong.of(tokens)
                        : OptionalLong.empty(),
                recovery.learningRate(),
                Recovery.WINDOWS_PER_STEP,
                recovery.seqlen().orElseThrow(),
                recovery.seed(),
                recovery.values().map(ValueType::label),
                recovery.type().map(ComputeType::toString).orElseThrow(),
                text.name(),
                text.sha256(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Versions.current());
    }

    /// This recipe with what only a run tells.
    RecoveryDocument with(
            Optional<Integer> count, Optional<String> model, Optional<String> teacher) {
        return new RecoveryDocument(
                train,
                rank,
                alpha,
                loss,
                temperature,
                hiddenLoss,
                minutes,
                tokens,
                learningRate,
                windowsPerStep,
                seqlen,
                seed,
                values,
                dtype,
                text,
                textSha256,
                count,
                model,
                teacher,
                versions);
    }
}
