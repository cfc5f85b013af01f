"""Native Phi-3-Vision for current transformers: no remote code, strict checkpoints, and no image is ever ignored.

model, processor = load_model("tiny")
prompt = "<|user|>\\n<|image_1|>\\nWhat is shown in this image?<|end|>\\n<|assistant|>\\n"
batch = processor([prompt], [[image]], padding_side="left")
answer_ids = model.generate(**batch, max_new_tokens=40)[0, batch["input_ids"].shape[1] :]
print(processor.decode(answer_ids.tolist()))
"""

from finetune.phi3v.configuration import Phi3VConfig
from finetune.phi3v.loading import load_model, save_model
from finetune.phi3v.modeling import Phi3VForCausalLM
from finetune.phi3v.processing import Phi3VProcessor, pad_rows
from finetune.phi3v.tiling import ImageTiles

__all__ = ["ImageTiles", "Phi3VConfig", "Phi3VForCausalLM", "Phi3VProcessor", "load_model", "pad_rows", "save_model"]
