package org.wanda4j.serve;

import io.prometheus.metrics.core.metrics.Counter;
import io.prometheus.metrics.core.metrics.GaugeWithCallback;
import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.function.DoubleSupplier;
import org.wanda4j.runtime.Generation;
import org.wanda4j.runtime.LanguageModel;

/// Counters, gauges and histograms of a server, in the text format of Prometheus.
final class Metrics {

    private final PrometheusTextFormatWriter format = PrometheusTextFormatWriter.create();
    private final PrometheusRegistry registry = new PrometheusRegistry();
    private final Counter requests =
            Counter.builder()
                    .name("wanda_requests_total")
                    .help("Requests that were answered; code 499: the caller left")
                    .labelNames("path", "code")
                    .register(registry);
    private final Counter promptTokens =
            Counter.builder()
                    .name("wanda_prompt_tokens_total")
                    .help("Tokens of prompts whose callers stayed")
                    .register(registry);
    private final Counter answerTokens =
            Counter.builder()
                    .name("wanda_answer_tokens_total")
                    .help("Tokens of answers whose callers stayed")
                    .register(registry);
    private final Histogram firstToken =
            histogram("wanda_first_token_seconds", "From a request to its answer's first token")
                    .register(registry);
    private final Histogram seconds =
            histogram("wanda_request_seconds", "From a request to the end of its answer")
                    .labelNames("path")
                    .register(registry);

    /// @param heldLogprobs what completions hold that are not streamed
    Metrics(LanguageModel model, HeldBytes heldLogprobs) {
        gauge(
                "wanda_waiting",
                "Requests that wait for others to end",
                () -> model.load().waiting());
        gauge("wanda_running", "Requests that are being answered", () -> model.load().running());
        gauge("wanda_cache_bytes", "Memory of keys and values", () -> model.load().cacheBytes());
        gauge(
                "wanda_cache_limit_bytes",
                "Memory that keys and values may take",
                () -> model.load().cacheLimit());
        gauge(
                "wanda_logprobs_bytes",
                "Memory of log probabilities of answers that are sent whole",
                heldLogprobs::taken);
        gauge("wanda_logprobs_limit_bytes", "Memory that they may take", heldLogprobs::most);
    }

    private static Histogram.Builder histogram(String name, String help) {
        return Histogram.builder()
                .name(name)
                .help(help)
                .classicOnly()
                .classicUpperBounds(.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 25, 50, 100);
    }

    private void gauge(String name, String help, DoubleSupplier value) {
        GaugeWithCallback.builder()
                .name(name)
                .help(help)
                .callback(gauge -> gauge.call(value.getAsDouble()))
                .register(registry);
    }

    /// Counts a request.
    ///
    /// @param path one of a fixed set, as each is a label
    /// @param duration in seconds
    void responded(String path, int code, double duration) {
        requests.labelValues(path, "" + code).inc();
        seconds.labelValues(path).observe(duration);
    }

    /// Counts the tokens of a completion.
    void generated(Generation generation) {
        promptTokens.inc(generation.promptTokens());
        answerTokens.inc(generation.tokens());
        if (generation.tokens() > 0) {
            firstToken.observe(generation.secondsToFirst());
        }
    }

    String type() {
        return format.getContentType();
    }

    byte[] text() throws IOException {
        var out = new ByteArrayOutputStream();
        format.write(out, registry.scrape());
        return out.toByteArray();
    }
}
