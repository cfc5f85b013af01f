"""The model: Phi-3's decoder from transformers, with image vectors at the positions that the text left free.

Negative ids are image positions (-1 the first image of a row, -2 the second). The images of a batch follow one another
in `pixel_values`, row by row. Every mismatch between the two is an error: a model that continues without the image
learns and answers from the question alone. Source: modeling_phi3_v.py of the published models. Deviations: positions
come from the attention mask, also outside `generate`; `input_ids` is never written to; rope factors are chosen per row.

Phi-3 divides its rotary frequencies by "short" factors, and by "long" factors in rows longer than 4096 positions. The
published code (and transformers) apply the longest row's factors to the whole batch, so a short row changes its logits
in a batch with a long one. Here a row's factors depend on that row alone. Source: Phi3SuScaledRotaryEmbedding in
modeling_phi3_v.py; LongRoPE, arXiv 2402.13753, section 3.

Shapes: B rows, T positions, D width, V vocabulary, S supervised positions, P images, K crops, C colours, H size of a
head, F = H / 2 rotary frequencies.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.generation.logits_process import LogitsProcessorList
from transformers.generation.utils import GenerationMixin
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast
from transformers.models.phi3.modeling_phi3 import Phi3Model, Phi3PreTrainedModel

from finetune.phi3v.candidates import score_candidates
from finetune.phi3v.configuration import Phi3VConfig, attention_scaling
from finetune.phi3v.vision import ImageEmbedding, check_images, repeat_image_indices
from schemas.errors import ToileError


class LongRope(nn.Module):
    """Compute cosines and sines for the positions of a batch; it has no parameters and no state between calls."""

    short_F: Tensor
    long_F: Tensor

    def __init__(self, config: Phi3VConfig) -> None:
        super().__init__()
        self.scaling = attention_scaling(config)
        self.switch_length = config.original_max_position_embeddings
        rope = config.rope_parameters
        head_size = config.hidden_size // config.num_attention_heads
        exponent_F = torch.arange(0, head_size, 2, dtype=torch.float32, device="cpu") / head_size
        base_F = rope["rope_theta"] ** exponent_F
        for name in ("short", "long"):
            factor_F = torch.tensor(rope[f"{name}_factor"], dtype=torch.float32, device="cpu")
            self.register_buffer(f"{name}_F", 1.0 / (factor_F * base_F), persistent=False)

    def forward(self, x: Tensor, position_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Return cosines and sines (B, T, H), in the dtype of `x`, of `position_ids` (B, T).

        A row's length is its largest position plus one.
        """
        length_B11 = position_ids.amax(dim=-1)[:, None, None] + 1
        frequency_B1F = torch.where(length_B11 > self.switch_length, self.long_F.float(), self.short_F.float())
        angle_BTF = position_ids[..., None].float() * frequency_B1F
        angle_BTH = torch.cat((angle_BTF, angle_BTF), dim=-1)
        return (angle_BTH.cos() * self.scaling).to(x.dtype), (angle_BTH.sin() * self.scaling).to(x.dtype)


def positions_from_mask(attention_mask_BT: Tensor) -> Tensor:
    """Return (B, T) positions that count a row's real tokens from 0; padding on either side never lengthens a row."""
    return (attention_mask_BT.long().cumsum(dim=-1) - 1).clamp(min=0)


class Phi3VModel(Phi3Model):  # type: ignore[misc]  # transformers is untyped
    """Phi-3's decoder and the image embedding."""

    config_class = Phi3VConfig

    def __init__(self, config: Phi3VConfig) -> None:
        super().__init__(config)
        self.rotary_emb = LongRope(config)
        self.vision_embed_tokens = ImageEmbedding(config)

    def embed(self, input_ids_BT: Tensor, pixels_PKCSS: Tensor | None, image_sizes_P2: Tensor | None) -> Tensor:
        """Return (B, T, D): word embeddings, image vectors at negative ids. Raises ToileError on any mismatch."""
        words_BTD: Tensor = self.embed_tokens(input_ids_BT.clamp(min=0))
        grids = None
        if pixels_PKCSS is not None and image_sizes_P2 is not None:
            grids = self.vision_embed_tokens.grids(image_sizes_P2, pixels_PKCSS.shape[1] - 1)
        counts = None if grids is None else [self.vision_embed_tokens.num_vectors(*grid) for grid in grids]
        check_images(input_ids_BT, pixels_PKCSS, counts)
        if pixels_PKCSS is None or not grids:
            return words_BTD
        vectors_MD = self.vision_embed_tokens(pixels_PKCSS, grids).to(words_BTD.dtype)
        return words_BTD.masked_scatter((input_ids_BT < 0)[..., None], vectors_MD)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        pixel_values: Tensor | None = None,
        image_sizes: Tensor | None = None,
        right_padded: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Return Phi3Model's outputs. Positions are counted along the attention mask where none are given.

        `right_padded=True` promises that rows begin at 0 and are padded on the right only. Attention then needs no
        mask: no real position attends to the padding behind it.
        """
        if inputs_embeds is None:
            if input_ids is None:
                raise ToileError("input_ids", "is missing", "Pass the batch that the processor returned.")
            inputs_embeds = self.embed(input_ids, pixel_values, image_sizes)
        elif pixel_values is not None:
            raise ToileError("pixel_values", "come with inputs_embeds", "Pass input_ids, whose negative ids say where.")
        if position_ids is None and attention_mask is not None and attention_mask.dim() == 2:
            position_ids = positions_from_mask(attention_mask)[:, -inputs_embeds.shape[1] :]
        if right_padded:
            assert past_key_values is None, "right_padded is for whole rows"
            assert position_ids is not None, "right_padded needs the attention mask, for the positions"
            return BaseModelOutputWithPast(last_hidden_state=self._without_mask(inputs_embeds, position_ids))
        return super().forward(
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            **kwargs,
        )

    def _without_mask(self, x_BTD: Tensor, position_ids_BT: Tensor) -> Tensor:
        """Return (B, T, D) after all layers, each with `is_causal` attention, which has faster kernels."""
        assert self.config._attn_implementation == "sdpa", "eager attention without a mask would look ahead"
        rotation = self.rotary_emb(x_BTD, position_ids_BT)
        for layer in self.layers:
            x_BTD = layer(x_BTD, attention_mask=None, position_ids=position_ids_BT, position_embeddings=rotation)
        normed_BTD: Tensor = self.norm(x_BTD)
        return normed_BTD


class Phi3VForCausalLM(Phi3PreTrainedModel, GenerationMixin):  # type: ignore[misc]  # transformers is untyped
    """Phi-3-Vision with its head: logits, loss, candidate scores, and `generate` from transformers."""

    config_class = Phi3VConfig

    def __init__(self, config: Phi3VConfig) -> None:
        super().__init__(config)
        self.model = Phi3VModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        pixel_values: Tensor | None = None,
        image_sizes: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int = 0,
        supervised_only: bool = False,
        num_supervised: int | None = None,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Return logits (B, T, V), and with `labels` (B, T) the loss in nats a token.

        Negative labels are ignored. The loss is the sum over the supervised positions divided by `num_supervised`, by
        default their number in this batch; give the number of the whole step when several batches make up one.
        `logits_to_keep=n` computes the last n positions only. `supervised_only=True` computes the head only where a
        label counts: logits are then (S, V) in reading order, of the positions *before* each supervised id. It is the
        same loss for a fraction of the memory: 2,500 positions of the published model are 0.33 GB of logits a row. The
        cache is off by default; `generate` switches it on. Raises ToileError where images and ids do not agree.
        """
        outputs = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            pixel_values=pixel_values,
            image_sizes=image_sizes,
            use_cache=bool(use_cache),
            **kwargs,
        )
        hidden_BTD = outputs.last_hidden_state
        loss = None
        if labels is None:
            if supervised_only:
                raise ToileError("labels", "are missing, but supervised_only is set", "Pass labels, or leave it off.")
            logits = self.lm_head(hidden_BTD[:, -logits_to_keep:] if logits_to_keep else hidden_BTD)
        else:
            supervised_BT, targets_S = supervised_positions(labels)
            if supervised_only:
                logits_SV = logits = self.lm_head(hidden_BTD[supervised_BT])
            else:
                logits = self.lm_head(hidden_BTD)
                logits_SV = logits[supervised_BT]
            total = F.cross_entropy(logits_SV.float(), targets_S, reduction="sum")
            loss = total / (num_supervised or len(targets_S))
        return CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )

    def logprob(self, candidates: Sequence[Sequence[Sequence[int]]], **batch: Tensor) -> list[Tensor]:
        """Return ln P of given answers: for each row a float32 tensor with one sum for each of its candidates.

        `batch` holds prompts from the processor, padded on either side; a candidate is the list of ids after the
        prompt. One prefill a row serves all its candidates. Raises ToileError for an empty candidate.
        """
        return score_candidates(self, candidates, batch)

    def prepare_inputs_for_generation(
        self,
        input_ids: Tensor,
        past_key_values: Any = None,
        attention_mask: Tensor | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Return one step's inputs: images until they are in the cache, and no cache across the rope switch.

        The first step always passes the images, so that `forward` refuses them where no id is an image position. Cached
        keys were rotated with the short factors; once a row grows past the switch length it needs the long ones, so all
        keys are computed again, once.
        """
        if past_key_values is not None and self._crosses_rope_switch(past_key_values, input_ids, attention_mask):
            past_key_values = None
            kwargs["next_sequence_length"] = None
        inputs: dict[str, Any] = super().prepare_inputs_for_generation(
            input_ids=input_ids, past_key_values=past_key_values, attention_mask=attention_mask, **kwargs
        )
        fresh = past_key_values is None or not past_key_values.get_seq_length()
        ids = inputs.get("input_ids")
        wanted = fresh or (ids is not None and bool((ids < 0).any()))
        for name in ("pixel_values", "image_sizes"):
            inputs[name] = kwargs.get(name) if wanted else None
        return inputs

    def _get_logits_processor(self, *args: Any, **kwargs: Any) -> LogitsProcessorList:
        """Return the logits processors of `generate`, which see image positions as token 0.

        A repetition penalty looks ids up in the logits, and a negative id is out of bounds.
        """
        processors = _MaskImageIds()
        processors.extend(super()._get_logits_processor(*args, **kwargs))
        return processors

    def _crosses_rope_switch(self, past_key_values: Any, input_ids: Tensor, attention_mask: Tensor | None) -> bool:
        """Return whether a row was within the switch length when the cache was filled and is longer now."""
        switch = self.config.original_max_position_embeddings
        past = int(past_key_values.get_seq_length())
        if past == 0 or input_ids.shape[1] <= switch:
            return False
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        before_B, now_B = attention_mask[:, :past].sum(dim=-1), attention_mask.sum(dim=-1)
        return bool(((before_B <= switch) & (now_B > switch)).any())

    def _expand_inputs_for_generation(
        self,
        expand_size: int = 1,
        is_encoder_decoder: bool = False,
        input_ids: Tensor | None = None,
        **model_kwargs: Any,
    ) -> Any:
        """Repeat rows (beams, several answers) together with all their images, in the rows' order."""
        if expand_size > 1 and input_ids is not None and model_kwargs.get("pixel_values") is not None:
            order = repeat_image_indices(input_ids, expand_size)
            images = {name: model_kwargs.pop(name)[order] for name in ("pixel_values", "image_sizes")}
        else:
            images = {}
        input_ids, model_kwargs = super()._expand_inputs_for_generation(
            expand_size=expand_size, is_encoder_decoder=is_encoder_decoder, input_ids=input_ids, **model_kwargs
        )
        return input_ids, model_kwargs | images


class _MaskImageIds(LogitsProcessorList):  # type: ignore[misc]  # transformers is untyped
    """Logits processors that see image positions as token 0."""

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: Any) -> Tensor:
        processed: Tensor = super().__call__(input_ids.clamp(min=0), scores, **kwargs)
        return processed


def supervised_positions(labels_BT: Tensor) -> tuple[Tensor, Tensor]:
    """Return a (B, T) mask of the positions that predict a supervised id, and these ids (S,) in reading order.

    The position before each id predicts it; no position predicts the first id of a row. Negative labels (-100, or the
    image positions of a copied input_ids) do not count. Raises ToileError when nothing is left to learn.
    """
    supervised_BT = torch.zeros_like(labels_BT, dtype=torch.bool)
    supervised_BT[:, :-1] = labels_BT[:, 1:] >= 0
    targets_S = labels_BT[:, 1:][supervised_BT[:, :-1]]
    if not len(targets_S):
        raise ToileError("labels", "supervise no position", "Label the answer's ids; truncation may have cut them off.")
    return supervised_BT, targets_S


def init_weights(
    config: Phi3VConfig, seed: int, dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> dict[str, Tensor]:
    """Return every tensor of the model under its published name, sampled in the order of the names.

    The scales suit training from scratch. Each matrix preserves the variance of its input (standard deviation
    1 / sqrt(inputs)); the last one of each residual branch is smaller by sqrt(2 x layers) (Radford et al. 2019, GPT-2).
    The head starts near zero, so the first loss is about ln(vocabulary). The global random state is not used. A GPU
    samples other numbers than the CPU.
    """
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in Phi3VForCausalLM(config).state_dict().items()}
    generator = torch.Generator(device=device).manual_seed(seed)
    return {name: _init_tensor(name, shape, config, generator).to(dtype) for name, shape in sorted(shapes.items())}


def _init_tensor(name: str, shape: torch.Size, config: Phi3VConfig, generator: torch.Generator) -> Tensor:
    """Return one tensor; its name decides how it is initialized."""
    tensor = torch.empty(shape, device=generator.device)
    if "norm" in name and name.endswith("weight"):
        return tensor.fill_(1.0)
    if name.endswith("bias"):
        return tensor.zero_()
    return nn.init.normal_(tensor, std=_standard_deviation(name, shape, config), generator=generator)


def _standard_deviation(name: str, shape: torch.Size, config: Phi3VConfig) -> float:
    """Return the standard deviation of a random tensor."""
    if name.endswith(("embed_tokens.weight", "position_embedding.weight", "class_embedding")):
        return 0.1
    if name.endswith("lm_head.weight"):
        return 0.02
    if name.endswith("_GN"):
        return 1.0
    std = 1 / math.sqrt(math.prod(shape[1:]))
    if name.endswith(("o_proj.weight", "down_proj.weight")):
        return std / math.sqrt(2 * config.num_hidden_layers)
    if name.endswith(("out_proj.weight", "fc2.weight")):
        return std / math.sqrt(2 * config.vision_config.num_hidden_layers)
    return std
