package org.wanda4j.serve;

import java.util.List;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/// A field of another server's interface that would change the completion and is not implemented here. It is refused, unless its
/// value stands for what this server does in any case.
///
/// @param name of the field
/// @param harmless values that are accepted: `Double`, `Boolean` and `String`. `null`, an empty string, an empty list and an
///     empty object always are.
/// @param instead what a client can use in its place; may be empty
record RefusedField(String name, Set<Object> harmless, String instead) {

    private static final String ONE = "n is";
    private static final String PENALTY = "repetition_penalty is";
    private static final String LENGTH = "max_tokens is";
    private static final String STOP = "stop is, for texts";
    private static final String KWARGS = "chat_template_kwargs tells a template that knows it";

    /// The fields of OpenAI, vLLM, SGLang, llama.cpp, TGI and Ollama.
    static final List<RefusedField> ALL =
            List.of(
                    // Number of completions, and search.
                    field("n_cmpl", ONE, 1.0),
                    field("best_of", ONE, 1.0),
                    field("use_beam_search", "", false),
                    field("num_beams", "", 1.0),
                    field("length_penalty", "", 1.0),
                    field("early_stopping", "", false),
                    // Sampling.
                    field("frequency_penalty", PENALTY, 0.0),
                    field("presence_penalty", PENALTY, 0.0),
                    field("repeat_penalty", PENALTY, 1.0),
                    field("no_repeat_ngram_size", PENALTY, 0.0),
                    field("dry_multiplier", PENALTY, 0.0),
                    field("allowed_token_ids", ""),
                    field("bad_words", ""),
                    field("logits_processors", ""),
                    field("custom_logit_processor", ""),
                    field("do_sample", "temperature 0 takes the likeliest", true),
                    field("samplers", ""),
                    field("typical_p", "", 1.0),
                    field("top_n_sigma", "", -1.0, 0.0),
                    field("xtc_probability", "", 0.0),
                    field("dynatemp_range", "", 0.0),
                    field("mirostat", "", 0.0),
                    field("min_keep", "", 0.0),
                    field("watermark", "", false),
                    // End of the completion.
                    field("n_predict", LENGTH),
                    field("num_predict", LENGTH),
                    field("max_new_tokens", LENGTH),
                    field("min_tokens", "", 0.0),
                    field("min_new_tokens", "", 0.0),
                    field("t_max_predict_ms", LENGTH, 0.0, -1.0),
                    field("ignore_eos", "", false),
                    field("stop_token_ids", STOP),
                    field("stop_regex", STOP),
                    // Form of the completion.
                    field("tool_prompt", ""),
                    field("functions", ""),
                    field("function_call", "", "none", "auto"),
                    field("web_search_options", ""),
                    field("audio", ""),
                    field("json_schema", ""),
                    field("grammar", ""),
                    field("regex", ""),
                    field("ebnf", ""),
                    field("format", ""),
                    field("guideline", ""),
                    field("guided_json", ""),
                    field("guided_regex", ""),
                    field("guided_choice", ""),
                    field("guided_grammar", ""),
                    field("structural_tag", ""),
                    field("structured_outputs", ""),
                    field("include_stop_str_in_output", "", false),
                    field("no_stop_trim", "", false),
                    field("skip_special_tokens", "", true),
                    field("spaces_between_special_tokens", "", true),
                    // Form of the prompt.
                    field("suffix", ""),
                    field("prompt_embeds", ""),
                    field("truncate_prompt_tokens", "shorten the text"),
                    field("truncate", "shorten the text"),
                    field("chat_template", "the model's own is"),
                    field("documents", ""),
                    field("image_data", ""),
                    field("session_params", ""),
                    field("lora", ""),
                    field("lora_path", ""),
                    field("adapter_id", ""),
                    field("options", "fields of the request itself are"),
                    field("vllm_xargs", ""),
                    // Reasoning.
                    field("reasoning_effort", KWARGS),
                    field("reasoning", KWARGS),
                    field("think", KWARGS),
                    field("thinking", KWARGS),
                    field("enable_thinking", KWARGS),
                    field("thinking_budget", KWARGS),
                    field("thinking_budget_tokens", KWARGS),
                    field("thinking_token_budget", KWARGS),
                    field("thinking_forced_open", "", false),
                    field("verbosity", KWARGS, "medium"),
                    field("reasoning_format", "", "none"),
                    field("include_reasoning", "", true),
                    field("separate_reasoning", "", false),
                    // Further output.
                    field("prompt_logprobs", ""),
                    field("n_probs", "logprobs is", 0.0),
                    field("post_sampling_probs", "logprobs is", false),
                    field("top_n_tokens", "logprobs is", 0.0),
                    field("decoder_input_details", "", false),
                    field("return_full_text", "", false),
                    field("return_tokens", "", false),
                    field("return_token_ids", "", false),
                    field("return_tokens_as_token_ids", "", false),
                    field("return_hidden_states", "", false),
                    field("debug_render_only", "", false));

    private static RefusedField field(String name, String instead, Object... harmless) {
        return new RefusedField(name, Set.of(harmless), instead);
    }

    /// @throws ApiException when a request has one of them, with a value that is not harmless
    static void check(RequestFields fields) {
        ALL.forEach(field -> field.refuse(fields));
    }

    private void refuse(RequestFields fields) {
        if (fields.find(name).filter(value -> !isHarmless(value)).isPresent()) {
            throw fields.invalid(
                    name, "is not supported here" + (instead.isEmpty() ? "" : "; " + instead));
        }
    }

    private boolean isHarmless(JsonNode value) {
        if (value.isContainer()) {
            return value.isEmpty();
        }
        Object asked = value.isNumber() ? (Object) RequestFields.toDouble(value) : value.asString();
        return asked.equals("")
                || harmless.contains(value.isBoolean() ? (Object) value.asBoolean() : asked);
    }
}
