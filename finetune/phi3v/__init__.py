"""Phi-3-Vision on today's transformers, natively: no remote code, strict checkpoints, and pictures that always arrive.

model, processor = load_model("tiny")
prompt = "<|user|>\\n<|image_1|>\\nWhat is shown in this image?<|end|>\\n<|assistant|>\\n"
batch = processor([prompt], [[picture]], padding_side="left")
answer_ids = model.generate(**batch, max_new_tokens=40)[0, batch["input_ids"].shape[1] :]
print(processor.decode(answer_ids.tolist()))
"""

from finetune.phi3v.configuration import Phi3VConfig
from finetune.phi3v.loading import load_model, save_model
from finetune.phi3v.modeling import Phi3VForCausalLM
from finetune.phi3v.processing import Phi3VProcessor, pad_rows
from finetune.phi3v.tiling import PictureTiles

__all__ = ["Phi3VConfig", "Phi3VForCausalLM", "Phi3VProcessor", "PictureTiles", "load_model", "pad_rows", "save_model"]
