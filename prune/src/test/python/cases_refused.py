"""Configs that a reader has to refuse, since it would compute other numbers than transformers."""

from transformers import BloomConfig, GPT2Config, MambaConfig, PhiConfig, PretrainedConfig

from golden import VOCAB

REFUSED: dict[str, PretrainedConfig] = {
    "bloom-residual": BloomConfig(
        vocab_size=VOCAB, hidden_size=32, n_layer=2, n_head=4, apply_residual_connection_post_layernorm=True
    ),
    "gpt2-cross-attention": GPT2Config(
        vocab_size=VOCAB, n_embd=32, n_layer=2, n_head=4, n_positions=64, add_cross_attention=True
    ),
    "mamba": MambaConfig(vocab_size=VOCAB, hidden_size=32, state_size=4, num_hidden_layers=2),
    "phi-qk-norm": PhiConfig(
        vocab_size=VOCAB,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        qk_layernorm=True,
    ),
}
