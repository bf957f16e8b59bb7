// What llama.cpp computes of a GGUF file, for bench/gguf.py to compare with.
//
//   llama_cpp MODEL tokens           ids of the text on standard input
//   llama_cpp MODEL greedy N IDS...  the N ids that follow
//   llama_cpp MODEL loss W           mean negative log-likelihood of the ids on standard input, in windows of W
//   llama_cpp MODEL logits IDS...    logits behind each id, as 32-bit floats
//   llama_cpp MODEL first IDS...     milliseconds from the program's start to the first token after IDS
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
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

int main(int argc, char **argv) {
    auto begin = std::chrono::steady_clock::now();
    if (argc < 3) return fail("MODEL and what to do are missing");
    std::string what = argv[2];
    llama_log_set([](ggml_log_level level, const char *text, void *) {
        if (level == GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
    }, nullptr);
    llama_backend_init();
    llama_model *model = llama_model_load_from_file(argv[1], llama_model_default_params());
    if (!model) return fail("the file cannot be read");
    const llama_vocab *vocab = llama_model_get_vocab(model);
    int size = llama_vocab_n_tokens(vocab);
    if (what == "tokens") {
        std::string text((std::istreambuf_iterator<char>(std::cin)), {});
        std::vector<llama_token> ids(text.size() + 8);
        int count = llama_tokenize(vocab, text.data(), (int) text.size(), ids.data(), (int) ids.size(), true, true);
        for (int i = 0; i < count; i++) std::printf("%d ", ids[i]);
        return 0;
    }
    std::vector<llama_token> ids;
    int window = 0;
    int tokens = 1;
    if (what == "loss") {
        window = std::atoi(argv[3]);
        for (int id; std::cin >> id;) ids.push_back(id);
    } else {
        int from = 3;
        if (what == "greedy") tokens = std::atoi(argv[from++]);
        for (int i = from; i < argc; i++) ids.push_back(std::atoi(argv[i]));
    }
    llama_context_params params = llama_context_default_params();
    params.n_ctx = window > 0 ? window : (int) ids.size() + tokens + 8;
    params.n_batch = params.n_ubatch = params.n_ctx;
    params.n_threads = params.n_threads_batch = 2;
    params.type_k = params.type_v = GGML_TYPE_F32;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    params.op_offload = false;
    llama_context *context = llama_init_from_model(model, params);
    if (!context) return fail("no context");
    if (what == "loss") {
        double sum = 0;
        long count = 0;
        for (size_t start = 0; start + window <= ids.size(); start += window) {
            llama_memory_clear(llama_get_memory(context), true);
            decode(context, {ids.begin() + start, ids.begin() + start + window}, 0, true);
            for (int i = 0; i + 1 < window; i++) {
                const float *logits = llama_get_logits_ith(context, i);
                double top = logits[largest(logits, size)];
                double total = 0;
                for (int j = 0; j < size; j++) total += std::exp(logits[j] - top);
                sum -= logits[ids[start + i + 1]] - top - std::log(total);
                count++;
            }
        }
        std::printf("%.9g\n", sum / count);
        return 0;
    }
    if (what == "logits") {
        decode(context, ids, 0, true);
        for (size_t i = 0; i < ids.size(); i++) {
            std::fwrite(llama_get_logits_ith(context, (int) i), sizeof(float), size, stdout);
        }
        return 0;
    }
    std::vector<llama_token> next = ids;
    int at = 0;
    for (int i = 0; i < tokens; i++) {
        decode(context, next, at, false);
        at += (int) next.size();
        next = {largest(llama_get_logits_ith(context, -1), size)};
        if (what == "first") {
            auto end = std::chrono::steady_clock::now();
            std::printf("%.1f\n", std::chrono::duration<double, std::milli>(end - begin).count());
        } else {
            std::printf("%d ", next[0]);
        }
    }
    return 0;
}
