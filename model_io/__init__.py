"""Model files: reading, converting and describing them, with no window and no application.

Layers, from above: `__main__` > pipelines (`convert`, `inspection`) > work (readers, writer,
quantizer, tokenizer) > tables > `errors`; `ggml` is the one door to the native library.
"""
