// What llama.cpp computes of a GGUF file, for bench/gguf.py to compare with.
//
//   llama_cpp MODEL logits IDS...   logits behind each id, as 32-bit floats
//   llama_cpp MODEL tokens          ids of the text on standard input
//   llama_cpp MODEL greedy N        the text of the N most likely ids that follow the text on standard input
//   llama_cpp MODEL loss W N        mean negative log-likelihood of the first N windows of W ids of the text on standard input
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "llama.h"

static int fail(const char *what) {
    std::fprintf(stderr, "llama_cpp: %s\n", what);
    return 2;
}

static void decode(llama_context *context, const std::vector<llama_token> &ids, int first, bool all) {
    llama_batch batch = llama_batch_init((int) ids.size(), 0, 1);
    for (size_t i = 0; i < ids.size(); i++) {
        batch.token[i] = ids[i];
        batch.pos[i] = first + (int) i;
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = 0;
        batch.logits[i] = all || i + 1 == ids.size();
    }
    batch.n_tokens = (int) ids.size();
    if (llama_decode(context, batch) != 0) {
        std::exit(fail("llama_decode failed"));
    }
    llama_batch_free(batch);
}

static int largest(const float *logits, int count) {
    int best = 0;
    for (int i = 1; i < count; i++) {
        if (logits[i] > logits[best]) best = i;
    }
    return best;
}

static std::vector<llama_token> tokens(const llama_vocab *vocab) {
    std::string text((std::istreambuf_iterator<char>(std::cin)), {});
    std::vector<llama_token> ids(text.size() + 8);
    ids.resize(llama_tokenize(vocab, text.data(), (int) text.size(), ids.data(), (int) ids.size(), true, true));
    return ids;
}

static double loss(llama_context *context, const std::vector<llama_token> &ids, int window, int windows, int vocabulary) {
    double sum = 0;
    for (int k = 0; k < windows; k++) {
        auto start = ids.begin() + (long) k * window;
        llama_memory_clear(llama_get_memory(context), true);
        decode(context, {start, start + window}, 0, true);
        for (int i = 0; i + 1 < window; i++) {
            const float *logits = llama_get_logits_ith(context, i);
            double top = logits[largest(logits, vocabulary)];
            double total = 0;
            for (int j = 0; j < vocabulary; j++) total += std::exp(logits[j] - top);
            sum -= logits[start[i + 1]] - top - std::log(total);
        }
    }
    return sum / ((double) windows * (window - 1));
}

int main(int argc, char **argv) {
    if (argc < 3) return fail("MODEL and what to do are missing");
    std::string what = argv[2];
    llama_log_set([](ggml_log_level level, const char *text, void *) {
        if (level == GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
    }, nullptr);
    llama_backend_init();
    llama_model_params loading = llama_model_default_params();
    loading.vocab_only = what == "tokens";
    llama_model *model = llama_model_load_from_file(argv[1], loading);
    if (!model) return fail("the file cannot be read");
    const llama_vocab *vocab = llama_model_get_vocab(model);
    int vocabulary = llama_vocab_n_tokens(vocab);

    std::vector<llama_token> ids;
    if (what == "logits") {
        for (int i = 3; i < argc; i++) ids.push_back(std::atoi(argv[i]));
    } else {
        ids = tokens(vocab);
    }
    if (what == "tokens") {
        for (llama_token id : ids) std::printf("%d ", id);
        return 0;
    }
    int count = argc > 3 ? std::atoi(argv[3]) : 0;
    llama_context_params params = llama_context_default_params();
    params.n_ctx = what == "loss" ? count : (int) ids.size() + count;
    params.n_batch = params.n_ubatch = params.n_ctx;
    params.n_threads = params.n_threads_batch = 2;
    // As little rounding as it can: the file is judged, not the cache.
    params.type_k = params.type_v = GGML_TYPE_F32;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    llama_context *context = llama_init_from_model(model, params);
    if (!context) return fail("no context");
    if (what == "loss") {
        std::printf("%.9g\n", loss(context, ids, count, std::atoi(argv[4]), vocabulary));
    } else if (what == "logits") {
        decode(context, ids, 0, true);
        for (size_t i = 0; i < ids.size(); i++) {
            std::fwrite(llama_get_logits_ith(context, (int) i), sizeof(float), vocabulary, stdout);
        }
    } else {
        std::vector<llama_token> next = ids;
        int at = 0;
        for (int i = 0; i < count; i++) {
            decode(context, next, at, false);
            at += (int) next.size();
            next = {largest(llama_get_logits_ith(context, -1), vocabulary)};
            if (llama_vocab_is_eog(vocab, next[0])) break;
            char piece[256];
            int length = llama_token_to_piece(vocab, next[0], piece, sizeof piece, 0, false);
            std::fwrite(piece, 1, length > 0 ? length : 0, stdout);
        }
    }
    return 0;
}
