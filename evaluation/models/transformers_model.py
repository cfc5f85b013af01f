"""Any vision-language model of the transformers library in this process, asked through its own chat template.

    model = transformers_model("Qwen/Qwen2.5-VL-3B-Instruct")    # a ModelUnderTest; nothing is loaded yet
    backend = model.load()
    backend.generate([image], [PROMPT])

Processor and weights come from `AutoProcessor` and `AutoModelForMultimodalLM`, which includes all of
`AutoModelForImageTextToText`: Qwen2.5-VL, SmolVLM, LLaVA, Idefics, Gemma, Phi-4-multimodal and others. Only JSON,
tokenizer files and safetensors are read; code that comes with a model is never run.

Decoding is greedy, without the sampling and the penalties that a model's generation configuration may ask for. The
text that a chat template puts between its generation prompt and an answer (often a blank) precedes every scored
answer, and the token that it puts behind an answer is the end of the answer.

A log-probability needs one pass over image and prompt for each row; the candidates then run in batches on a copy of
the cached keys. How positions continue behind a cache is each family's own matter, so the first row of a run is also
computed without a cache, candidate by candidate. Where the two differ, all rows are computed that way.
"""

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from evaluation.models.base import AnswerForm, Generated, LogProbs, ModelUnderTest, VisionModel
from evaluation.models.constrained import ConstrainedLogits, Grammar, build_grammar, has_known_bytes
from evaluation.models.phi3v import decode_answer, inference_mode, select_device, split_candidates
from schemas.answer import PROMPT, QUESTION, bare_question
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec

MAX_CANDIDATES = 32
"""Candidates that are computed at once."""
MAX_CACHED = 65_536
"""Positions of cached keys that their copies hold at once; long prompts have fewer candidates in a batch."""
TOLERANCE = {"float32": 2e-3, "float16": 0.05, "bfloat16": 0.2}
"""How far a log-probability may be from the one without a cache, for each token."""
_DOWNLOADED = ("*.json", "model*.safetensors", "*.model", "*.txt", "*.jinja")
"""Files of a hub model that are downloaded: never code or pickles, and no second copy of the weights."""
_PROCESSOR_FILES = {
    "image processor": ("preprocessor_config.json", "processor_config.json"),
    "tokenizer": ("tokenizer.json", "tokenizer.model", "vocab.json", "tekken.json"),
}
_MARK = "toile answer"


class TransformersBackend:
    """Answer in batches, padded on the left; score candidates row by row."""

    def __init__(
        self, model: Any, processor: Any, *, max_new_tokens: int, say: Callable[[str], None] = lambda text: None
    ) -> None:
        """Wrap a loaded model and its processor. Raises ToileError for a chat template that takes no image."""
        self.model = model.eval()
        self.processor = processor
        self.tokenizer = processor.tokenizer
        self.tokenizer.padding_side = "left"
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token or self.tokenizer.unk_token  # is not attended to
        self.max_new_tokens = max_new_tokens
        self.new_tokens = 0
        """Tokens generated so far, without end tokens."""
        first = next(model.parameters())
        self.device, self.dtype = first.device, first.dtype
        self._say = say
        self._chat = _ChatFormat(processor, _as_ids(model.generation_config.eos_token_id))
        self.stop_tokens = self._chat.stop_tokens
        self.constrains = has_known_bytes(self.tokenizer)
        self._generation_config = self._make_generation_config()
        self._image_tokens = _image_token_ids(model, processor)
        self._forward_options = inspect.signature(model.forward).parameters
        self._shares_prefill: bool | None = None
        self._shapes: dict[tuple[int, int], tuple[int, int, int]] = {}
        self._sizes: dict[tuple[Any, ...], tuple[int, int]] = {}
        self._grammars: dict[AnswerForm, tuple[Grammar, dict[tuple[int, ...], Any]]] = {}

    def generate(
        self, images: Sequence[Image.Image], prompts: Sequence[str], *, constraint: AnswerForm | None = None
    ) -> list[Generated]:
        """Return greedy answers without outer white space. Raises ToileError where memory is too small."""
        batch = self._batch(images, prompts)
        settings = {} if constraint is None else {"logits_processor": [self._constrained(constraint)]}
        with inference_mode(self.device, len(images)):
            ids = self.model.generate(**batch, generation_config=self._generation_config, **settings)
        found = []
        for row in ids[:, batch["input_ids"].shape[1] :].tolist():
            answer, length = decode_answer(self.tokenizer, row, self.stop_tokens)
            self.new_tokens += length
            found.append(answer)
        return found

    def logprob(
        self,
        images: Sequence[Image.Image],
        prompts: Sequence[str],
        prefixes: Sequence[str],
        answers: Sequence[Sequence[str]],
        *,
        ended: bool = False,
    ) -> list[LogProbs]:
        """Do the same as `RankingModel.logprob`; every row is computed alone, so no row depends on its batch."""
        end = [self._chat.end_token] if ended else []
        found = []
        for image, prompt, prefix, texts in zip(images, prompts, prefixes, answers, strict=True):
            fixed, candidates = split_candidates(self._chat.encode_plain, prefix, texts, end)
            inputs = _append(self._batch([image], [prompt]), fixed)
            with inference_mode(self.device, 1):
                values = self._score(inputs, candidates)
            found.append(LogProbs(values=tuple(values), num_tokens=tuple(map(len, candidates))))
        return found

    def shape(self, size: tuple[int, int]) -> tuple[int, int, int]:
        """Return text positions, and the first size of image in pixels that became tensors of the same shapes."""
        if size not in self._shapes:
            batch = self._batch([Image.new("RGB", size)], [PROMPT])
            shapes = tuple(sorted((name, tuple(tensor.shape)) for name, tensor in batch.items()))
            same = self._sizes.setdefault(shapes, size)
            self._shapes[size] = (batch["input_ids"].shape[1], *same)
        return self._shapes[size]

    def token_ids(self, image: Image.Image, prompt: str, prefix: str = "") -> list[int]:
        """Do the same as `TokenModel.token_ids`."""
        ids = self._batch([image], [prompt])["input_ids"][0].tolist()
        shown = [-1 if token in self._image_tokens else token for token in ids]
        return shown + (self._chat.encode_plain(prefix) if prefix else [])

    def prompt_text(self, prompt: str) -> str:
        """Do the same as `TemplatedModel.prompt_text`, with what the template writes in front of an answer."""
        return self._chat.render(bare_question(prompt))

    def _batch(self, images: Sequence[Image.Image], prompts: Sequence[str]) -> dict[str, Any]:
        """Return the tensors of one batch on the model's device; pixels in the model's dtype."""
        questions = [bare_question(prompt) for prompt in prompts]
        conversations = [[_user_turn(text, image)] for text, image in zip(questions, images, strict=True)]
        try:
            batch = self.processor.apply_chat_template(
                conversations,
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
                processor_kwargs={"padding": True},
            )
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise ToileError(
                f"processor {type(self.processor).__name__}",
                f"cannot prepare an image with its question: {_one_line(error)}",
                "check processor_config.json, preprocessor_config.json and the chat template of the model",
            ) from error
        longest, room = batch["input_ids"].shape[1] + self.max_new_tokens, _num_positions(self.model.config)
        if longest > room:
            problem = f"has {room} positions; image, question and answer need {longest}"
            raise ToileError(f"model {self.model.config.model_type}", problem, "use a protocol with a shorter prompt")
        return dict(batch.to(self.device, self.dtype))

    def _score(self, inputs: dict[str, Any], candidates: Sequence[Sequence[int]]) -> list[float]:
        """Return ln P of each candidate behind the ids in `inputs`, which is one row without padding."""
        if self._shares_prefill is None:
            self._shares_prefill = self._check_shared_prefill(inputs, candidates)
        return (self._score_shared if self._shares_prefill else self._score_separately)(inputs, candidates)

    def _score_shared(self, inputs: dict[str, Any], candidates: Sequence[Sequence[int]]) -> list[float]:
        """Run the prompt once and the candidates on copies of its cached keys, padded on the right."""
        import torch

        prompt = self.model(**inputs, use_cache=True, **self._last_logits(1))
        first_V = prompt.logits[0, -1].float().log_softmax(dim=-1)
        size = max(1, min(MAX_CANDIDATES, MAX_CACHED // inputs["input_ids"].shape[1]))
        found: list[float] = []
        for start in range(0, len(candidates), size):
            part = candidates[start : start + size]
            longest = max(map(len, part)) - 1
            rows = [[*ids[:-1], *[ids[0]] * (longest + 1 - len(ids))] for ids in part]
            later_BTV = None
            if longest:
                cache = copy.deepcopy(prompt.past_key_values)
                cache.batch_repeat_interleave(len(part))
                ids_BT = torch.tensor(rows, dtype=torch.long, device=self.device)
                later_BTV = self.model(input_ids=ids_BT, past_key_values=cache, use_cache=True).logits
            for row, ids in enumerate(part):
                value = float(first_V[ids[0]])
                if later_BTV is not None and len(ids) > 1:
                    value += _sum_logprobs(later_BTV[row, : len(ids) - 1], ids[1:])
                found.append(value)
        return found

    def _score_separately(self, inputs: dict[str, Any], candidates: Sequence[Sequence[int]]) -> list[float]:
        """Run prompt and candidate as one text, for every candidate, without a cache."""
        found = []
        for ids in candidates:
            whole = _append(inputs, ids[:-1])
            logits_TV = self.model(**whole, use_cache=False, **self._last_logits(len(ids))).logits[0, -len(ids) :]
            found.append(_sum_logprobs(logits_TV, ids))
        return found

    def _check_shared_prefill(self, inputs: dict[str, Any], candidates: Sequence[Sequence[int]]) -> bool:
        """Return whether the shortest and the longest candidate have the same log-probability both ways."""
        import torch

        some = [min(candidates, key=len), max(candidates, key=len)]
        expected = self._score_separately(inputs, some)
        try:
            found = self._score_shared(inputs, some)
        except torch.OutOfMemoryError:
            raise
        except (
            AttributeError,
            IndexError,
            KeyError,
            NotImplementedError,
            RuntimeError,
            TypeError,
            ValueError,
        ) as error:
            problem = _one_line(error)
        else:
            limit = TOLERANCE[str(self.dtype).removeprefix("torch.")]
            if all(abs(a - b) <= limit * len(ids) for a, b, ids in zip(found, expected, some, strict=True)):
                return True
            problem = f"{found} instead of {expected}"
        self._say(f"this model cannot continue behind a cached prompt ({problem}): candidates are computed one by one")
        return False

    def _last_logits(self, count: int) -> dict[str, int]:
        """Return the argument that leaves out the logits of the prompt, where the model knows it."""
        return {"logits_to_keep": count} if "logits_to_keep" in self._forward_options else {}

    def _constrained(self, form: AnswerForm) -> ConstrainedLogits:
        if form not in self._grammars:
            grammar = build_grammar(self._chat, form, end=self._chat.end_token, max_tokens=self.max_new_tokens)
            self._grammars[form] = (grammar, {})
        return ConstrainedLogits(*self._grammars[form])

    def _make_generation_config(self) -> Any:
        """Return greedy decoding up to the stop tokens, with nothing of the model's own generation configuration."""
        from transformers import GenerationConfig

        greedy = GenerationConfig(
            max_new_tokens=self.max_new_tokens,
            do_sample=False,
            bos_token_id=self.tokenizer.bos_token_id,
            eos_token_id=sorted(self.stop_tokens),
            pad_token_id=self.tokenizer.pad_token_id,
        )
        self.model.generation_config = greedy  # `generate` takes what is not given from here
        return greedy


class _ChatFormat:
    """What a chat template writes around an answer: the text before it and the token after it.

    It has the two members that a grammar needs: `tokenizer` and `encode_plain`.
    """

    def __init__(self, processor: Any, stop_tokens: Sequence[int]) -> None:
        self.tokenizer = processor.tokenizer
        self._plain = _plain_tokenizer(self.tokenizer)
        self._processor = processor
        self._lead = ""
        head = self.render(QUESTION)
        bare = _render(processor, [_user_turn(QUESTION)], add_generation_prompt=True)
        if QUESTION not in head or "'type'" in head or head == bare:
            raise ToileError(
                f"chat template of {type(processor).__name__}",
                "takes no image next to the question",
                "give a model that is made for chats with images, or its chat_template.jinja",
            )
        self._lead, ends = self._read_turn(processor, head)
        eos = self.tokenizer.eos_token_id
        stops = [*ends, *stop_tokens, *([] if eos is None else [eos])]
        if not stops:
            problem = "names no token that ends an answer"
            raise ToileError("generation_config.json", problem, "write its eos_token_id")
        self.end_token = stops[0]
        self.stop_tokens = frozenset(stops)

    def render(self, question: str) -> str:
        """Return a question about an image, up to where the answer begins."""
        conversation = [_user_turn(question, Image.new("RGB", (1, 1)))]
        return _render(self._processor, conversation, add_generation_prompt=True) + self._lead

    def encode_plain(self, text: str) -> list[int]:
        """Return the ids of an answer; special tokens in it are plain characters."""
        return self._encode(self._lead + text)

    def _encode(self, text: str) -> list[int]:
        if self._plain is None:
            return list(self.tokenizer(text, add_special_tokens=False).input_ids)
        return list(self._plain.encode(text, add_special_tokens=False).ids)

    def _read_turn(self, processor: Any, head: str) -> tuple[str, list[int]]:
        """Return the text between generation prompt and answer, and the special token after the answer, if any."""
        from jinja2 import TemplateError

        image = Image.new("RGB", (1, 1))
        answered = {"role": "assistant", "content": [{"type": "text", "text": _MARK}]}
        try:
            whole = _render(processor, [_user_turn(QUESTION, image), answered])
        except (TemplateError, TypeError, ValueError, KeyError):
            return "", []  # a template of questions only
        if not whole.startswith(head) or _MARK not in whole[len(head) :]:
            return "", []
        lead, _, tail = whole[len(head) :].partition(_MARK)
        if self._adds_blank():
            lead = lead.removeprefix(" ")
        special = set(self.tokenizer.all_special_ids) | set(self.tokenizer.get_added_vocab().values())
        after = self.tokenizer(tail, add_special_tokens=False).input_ids
        return lead, [token for token in after if token in special][:1]

    def _adds_blank(self) -> bool:
        """Return whether the tokenizer begins every text with a blank, as SentencePiece does."""
        return str(self.tokenizer.convert_ids_to_tokens(self._encode("x")[0])).startswith("\u2581")


def transformers_model(
    name: str,
    adapter: Path | None = None,
    device: str | None = None,
    *,
    max_new_tokens: int = EvaluationSpec().max_new_tokens,
    say: Callable[[str], None] = lambda text: None,
) -> ModelUnderTest:
    """Return a model that runs in this process: hub name or folder, with a PEFT adapter where one is given.

    The folder of an adapter means its base with it. The weights are loaded by `ModelUnderTest.load`, which raises
    ToileError for whatever the model lacks. Raises ToileError for a device that does not exist, and for a name that is
    none of a model.
    """
    from finetune.adapters import split_adapter
    from finetune.phi3v.loading import TINY, check_name

    name, adapter = split_adapter(name, adapter)
    if name == TINY:
        raise ToileError(TINY, "is not a model of the transformers library", "leave out --backend transformers")
    check_name(name)
    chosen, dtype = select_device(device)

    def load() -> VisionModel:
        import torch

        torch.set_num_threads(torch.get_num_threads())  # MKL keeps to an explicit number, and so to one order of sums
        say(f"loading {name}" + (f" with {adapter}" if adapter else ""))
        model, processor = load_pretrained(name, dtype=dtype, device=chosen, adapter=adapter, say=say)
        return TransformersBackend(model, processor, max_new_tokens=max_new_tokens, say=say)

    return ModelUnderTest(
        model=name,
        weights=Path(name) if Path(name).is_dir() else None,
        adapter=adapter,
        device=chosen,
        dtype=str(dtype).removeprefix("torch."),
        load=load,
    )


def load_pretrained(
    name: str, *, dtype: Any, device: str, adapter: Path | None = None, say: Callable[[str], None] = lambda text: None
) -> tuple[Any, Any]:
    """Return model, in evaluation mode on `device`, and processor of a folder or hub name, with an adapter on top.

    Raises ToileError that says what the model lacks.
    """
    import transformers

    from finetune.adapters import apply_adapter
    from finetune.phi3v.loading import LOADING_ERRORS, resolve_folder, weight_files

    transformers.logging.disable_progress_bar()
    folder = resolve_folder(name, say, _DOWNLOADED)
    _check_config(folder)
    weight_files(folder)
    processor = _load_processor(folder)
    try:
        model, found = transformers.AutoModelForMultimodalLM.from_pretrained(
            folder,
            dtype=dtype,
            trust_remote_code=False,
            local_files_only=True,
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # an error, below, that names the weights
            output_loading_info=True,
        )
    except LOADING_ERRORS as error:
        hint = "fetch the model again, or install what the message names"
        raise ToileError(str(folder), f"cannot be loaded: {_one_line(error)}", hint) from error
    _check_loaded(folder, found)
    model = model.to(device).eval()
    if adapter is not None:
        adapted = apply_adapter(model, adapter)
        trained_on = str(adapted.active_peft_config.base_model_name_or_path or "")
        if Path(trained_on).name != Path(name).name:
            say(f"{adapter} was trained on {trained_on or 'a base that it does not name'}; it is loaded on {name}")
        model = adapted.get_base_model()  # the same class, with the adapter's layers in it
    return model, processor


def _check_config(folder: Path) -> None:
    """Raise ToileError unless config.json is that of a chat model with images that transformers knows."""
    from transformers import (
        CONFIG_MAPPING,
        MODEL_FOR_CAUSAL_LM_MAPPING,
        MODEL_FOR_MULTIMODAL_LM_MAPPING,
        AutoConfig,
        __version__,
    )

    from finetune.phi3v.loading import LOADING_ERRORS, read_json

    path = folder / "config.json"
    document = read_json(path)
    kind = document.get("model_type")
    if not isinstance(kind, str) or not kind:
        raise ToileError(str(path), "has no model_type", "give the folder of a transformers model")
    if kind == "phi3_v":
        raise ToileError(str(path), "is a Phi-3-Vision, which toile reads itself", "leave out --backend transformers")
    if kind not in CONFIG_MAPPING:
        if document.get("auto_map"):
            problem = f"is a {kind!r}, which needs code from its repository (trust_remote_code); such code is never run"
            hint = "serve it with a tool that you trust, and use --backend openai"
        else:
            problem, hint = f"is a {kind!r}, which transformers {__version__} does not know", "upgrade transformers"
        raise ToileError(str(path), problem, hint)
    for key, value in _iterate_values(document):
        if "attn_implementation" in key and isinstance(value, str) and "/" in value:
            problem = f"takes attention from the repository {value!r}, whose code is not run"
            raise ToileError(f"{path}: {key}", problem, "remove the field")
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except LOADING_ERRORS as error:
        raise ToileError(str(path), f"cannot be read: {_one_line(error)}", "fetch the model again") from error
    if type(config) not in MODEL_FOR_MULTIMODAL_LM_MAPPING:
        is_text = type(config) in MODEL_FOR_CAUSAL_LM_MAPPING
        problem = f"is a {kind!r}, a text-only model" if is_text else f"is a {kind!r}, which answers no questions"
        raise ToileError(str(path), f"{problem}: it takes no image", "give a vision-language model")
    if getattr(config, "is_encoder_decoder", False):
        problem = f"is a {kind!r}, an encoder-decoder"
        raise ToileError(str(path), problem, "give a model that continues its prompt, as chat models do")


def _load_processor(folder: Path) -> Any:
    """Return tokenizer, image processor and chat template in one. Raises ToileError for what is missing."""
    from transformers import AutoProcessor

    from finetune.phi3v.loading import LOADING_ERRORS

    try:
        processor = AutoProcessor.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except ImportError as error:
        reason = _one_line(error)
        package = "torchvision" if "torchvision" in reason.lower() else "the package that the message names"
        raise ToileError(str(folder), f"needs {package} for its processor: {reason}", f"install {package}") from error
    except LOADING_ERRORS as error:
        reason = _one_line(error)
        if "trust_remote_code" in reason or "custom code" in reason:
            problem = "needs a processor from code in its repository (trust_remote_code); such code is never run"
            hint = "serve it with a tool that you trust, and use --backend openai"
            raise ToileError(str(folder), problem, hint) from error
        absent = [
            part for part, names in _PROCESSOR_FILES.items() if not any((folder / name).is_file() for name in names)
        ]
        problem = f"has no {' and no '.join(absent)}" if absent else f"has no usable processor: {reason}"
        hint = "fetch preprocessor_config.json or processor_config.json, and the tokenizer, of the model"
        raise ToileError(str(folder), problem, hint) from error
    missing = [part for part in ("tokenizer", "image_processor") if getattr(processor, part, None) is None]
    if missing:
        problem = f"has no {' and no '.join(missing).replace('_', ' ')}: only a {type(processor).__name__} was found"
        raise ToileError(str(folder), problem, "fetch the processor files of the model, preprocessor_config.json too")
    processor.chat_template = processor.chat_template or getattr(processor.tokenizer, "chat_template", None)
    if not processor.chat_template:
        hint = "it may be a base model: give the one made for chats, or put chat_template.jinja into its folder"
        raise ToileError(str(folder), "has no chat template, so it is unknown how to ask it", hint)
    return processor


def _check_loaded(folder: Path, found: Mapping[str, Any]) -> None:
    """Raise ToileError for weights that are missing or misshapen: transformers continues with random numbers."""
    missing = sorted(found.get("missing_keys") or ())
    wrong = sorted(str(each[0] if isinstance(each, tuple) else each) for each in found.get("mismatched_keys") or ())
    for problem, names in (("lacks the weights", missing), ("has weights of another shape", wrong)):
        if names:
            more = f" and {len(names) - 3} more" if names[3:] else ""
            hint = "fetch the model again; config.json and weights must be of one model"
            raise ToileError(str(folder), f"{problem} {', '.join(names[:3])}{more}", hint)


def _append(inputs: dict[str, Any], ids: Sequence[int]) -> dict[str, Any]:
    """Return inputs of one row with more text ids at the end: of mode "text" and attended to."""
    import torch

    if not ids:
        return inputs
    old_1T = inputs["input_ids"]
    found = {}
    for name, tensor in inputs.items():
        if name == "input_ids":
            found[name] = torch.cat([tensor, tensor.new_tensor([list(ids)])], dim=1)
        elif tensor.ndim >= 2 and tensor.shape[:2] == old_1T.shape:
            last = tensor[:, -1:]  # the generation prompt is text as well
            found[name] = torch.cat([tensor, *[last] * len(ids)], dim=1)
        else:
            found[name] = tensor
    return found


def _sum_logprobs(logits_TV: Any, ids: Sequence[int]) -> float:
    """Return the sum of ln P(id) over positions."""
    index = logits_TV.new_tensor(list(ids)).long()[:, None]
    return float(logits_TV.float().log_softmax(dim=-1).gather(1, index).sum())


def _user_turn(text: str, image: Image.Image | None = None) -> dict[str, Any]:
    """Return one message of a conversation, the image before the text."""
    shown = [] if image is None else [{"type": "image", "image": image}]
    return {"role": "user", "content": [*shown, {"type": "text", "text": text}]}


def _render(processor: Any, conversation: list[dict[str, Any]], **settings: Any) -> str:
    """Return the text of a conversation as the chat template writes it."""
    from jinja2 import TemplateError

    try:
        return str(processor.apply_chat_template(conversation, **settings))
    except (TemplateError, TypeError, ValueError, KeyError) as error:
        if conversation[-1]["role"] == "assistant":
            raise
        where = f"chat template of {type(processor).__name__}"
        hint = "give a model that is made for chats with images, or its chat_template.jinja"
        raise ToileError(where, f"cannot ask about an image: {_one_line(error)}", hint) from error


def _plain_tokenizer(tokenizer: Any) -> Any | None:
    """Return the tokenizer to which special tokens are plain characters; None for one of another library."""
    from finetune.phi3v.processing import without_special_tokens

    return without_special_tokens(tokenizer) if hasattr(tokenizer, "backend_tokenizer") else None


def _image_token_ids(model: Any, processor: Any) -> frozenset[int]:
    """Return the ids that stand for positions of an image."""
    holders = (model.config, processor, processor.tokenizer)
    names = ("image_token_id", "image_token_index")
    found = (getattr(holder, name, None) for holder in holders for name in names)
    return frozenset(token for token in found if isinstance(token, int))


def _num_positions(config: Any) -> int:
    """Return the longest text of a model; very large where it does not say."""
    length = getattr(config.get_text_config(), "max_position_embeddings", None)
    return length if isinstance(length, int) and length > 0 else 1 << 60


def _iterate_values(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield every key and value of nested objects."""
    for key, value in document.items():
        yield key, value
        if isinstance(value, Mapping):
            yield from _iterate_values(value)


def _as_ids(tokens: Any) -> list[int]:
    return [] if tokens is None else [tokens] if isinstance(tokens, int) else [int(token) for token in tokens]


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
