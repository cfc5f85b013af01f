"""Compute log-probabilities of given answers, with one prefill a row and shared prefixes computed once.

The candidates of a row form a trie of tokens. First the prompt, with its images, goes through the model. Then all inner
nodes of the trie go through it in a second pass: a node attends to the prompt's cached keys and to its own ancestors,
at the position it would have in its answer. So thirty categories or five hundred prices cost one prompt and a few
hundred tokens. The numbers equal those of one forward pass of prompt + answer for each candidate. Source of the
attention among tree nodes: SpecInfer, arXiv 2305.09781, section 4.2.

Shapes: B rows, T positions of the prompt, N inner nodes of the largest tree, D width, V vocabulary, E edges (tokens)
of a row's tree, C candidates of a row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from finetune.phi3v.vision import count_images_per_row
from schemas.errors import ToileError

HEAD_ROWS = 256
"""Positions whose logits are computed at once: 33 MB in float32 at the published vocabulary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTree:
    """The candidates of one row with common prefixes merged.

    Edge e has the token `tokens[e]` and starts at node `parents[e]`. Node 0 is the end of the prompt; the others are
    numbered as in `inner`. A token is a node only where another follows: the last token of an answer is predicted but
    never an input.
    """

    tokens: list[int]
    parents: list[int]
    inner: list[int]
    """The edge that leads to node 1, 2, ...; a parent comes before its children."""
    paths: list[list[int]]
    """The edges of each candidate."""

    def depths(self) -> list[int]:
        """Return the number of tokens between the prompt and each of the nodes 1, 2, ...; 0 for the first token."""
        depths = [-1]
        for edge in self.inner:
            depths.append(depths[self.parents[edge]] + 1)
        return depths[1:]

    def attention_mask(self) -> Tensor:
        """Return (N, N) bool: node n + 1 attends to node m + 1, which is itself or an ancestor."""
        mask_NN = torch.eye(len(self.inner), dtype=torch.bool)
        for node, edge in enumerate(self.inner):
            if parent := self.parents[edge]:
                mask_NN[node] |= mask_NN[parent - 1]
        return mask_NN


def build_token_tree(candidates: Sequence[Sequence[int]]) -> TokenTree:
    """Return the tree of a row's candidates. Raises ToileError for an empty one and for a negative id."""
    edges: dict[tuple[int, int], int] = {}
    node_of_edge: dict[int, int] = {}
    tree = TokenTree(tokens=[], parents=[], inner=[], paths=[])
    for candidate in candidates:
        if not candidate or min(candidate) < 0:
            problem = "is empty" if not candidate else f"holds the id {min(candidate)}"
            raise ToileError(f"candidate {list(candidate)!r}", problem, "Give each answer as a list of token ids.")
        node, path = 0, []
        for position, token in enumerate(candidate):
            if (node, token) not in edges:
                edges[node, token] = len(tree.tokens)
                tree.tokens.append(token)
                tree.parents.append(node)
            edge = edges[node, token]
            path.append(edge)
            if position + 1 < len(candidate):
                if edge not in node_of_edge:
                    tree.inner.append(edge)
                    node_of_edge[edge] = len(tree.inner)
                node = node_of_edge[edge]
        tree.paths.append(path)
    return tree


@torch.no_grad()
def score_candidates(
    model: Any, candidates: Sequence[Sequence[Sequence[int]]], batch: dict[str, Tensor]
) -> list[Tensor]:
    """Return (C,) float32 for each row: ln P(candidate | prompt, images), summed over the candidate's tokens.

    `batch` is what the processor returned for the prompts, padded on either side. Raises ToileError where the numbers
    of rows differ and where a candidate is empty.
    """
    ids_BT = batch["input_ids"]
    if len(candidates) != len(ids_BT):
        problem = f"are given for {len(candidates)} rows, but the batch has {len(ids_BT)}"
        raise ToileError("candidates", problem, "Give one list of candidates, which may be empty, for each row.")
    trees = [build_token_tree(row) for row in candidates]
    mask_BT = batch.get("attention_mask")
    batch = batch | {"attention_mask": torch.ones_like(ids_BT) if mask_BT is None else mask_BT}
    lengths = batch["attention_mask"].sum(dim=1).tolist()
    switch = model.config.original_max_position_embeddings
    crossing = [
        row for row, tree in enumerate(trees)
        if lengths[row] <= switch < lengths[row] + max(map(len, tree.paths), default=1) - 1
    ]  # fmt: skip
    found = _score_with_shared_prefill(model, trees, batch)
    for row in crossing:  # cached keys were rotated with the short factors; past the switch they are wrong
        found[row] = _score_separately(model, candidates[row], _select_row(batch, row))
    return found


def _score_with_shared_prefill(model: Any, trees: Sequence[TokenTree], batch: dict[str, Tensor]) -> list[Tensor]:
    """Run the prompts once, then all trees at once on the cached keys."""
    mask_BT = batch["attention_mask"].bool()
    prompt = model.model(**batch, use_cache=True)
    positions_T = torch.arange(mask_BT.shape[1], device=mask_BT.device)
    last_B = torch.where(mask_BT, positions_T, -1).amax(dim=1)
    hidden_BD = prompt.last_hidden_state[torch.arange(len(mask_BT), device=mask_BT.device), last_B]
    nodes_BND = _run_trees(model, trees, mask_BT, prompt.past_key_values)
    found = []
    for row, tree in enumerate(trees):
        hidden_ND = torch.cat([hidden_BD[row : row + 1], nodes_BND[row, : len(tree.inner)]])
        found.append(_sum_paths(tree, _edge_logprobs(model.lm_head, hidden_ND, tree)))
    return found


def _run_trees(model: Any, trees: Sequence[TokenTree], mask_BT: Tensor, cache: Any) -> Tensor:
    """Return (B, N, D) hidden states of the inner nodes; the fill of short trees attends only to itself."""
    device, count = mask_BT.device, max(len(tree.inner) for tree in trees)
    if not count:
        return torch.zeros(len(trees), 0, model.config.hidden_size, device=device, dtype=model.lm_head.weight.dtype)
    ids_BN = torch.zeros(len(trees), count, dtype=torch.long)
    depths_BN = torch.zeros(len(trees), count, dtype=torch.long)
    mask_BNN = torch.eye(count, dtype=torch.bool).repeat(len(trees), 1, 1)
    for row, tree in enumerate(trees):
        size = len(tree.inner)
        ids_BN[row, :size] = torch.tensor([tree.tokens[edge] for edge in tree.inner], dtype=torch.long)
        depths_BN[row, :size] = torch.tensor(tree.depths(), dtype=torch.long)
        mask_BNN[row, :size, :size] = tree.attention_mask()
    prompt_BNT = mask_BT[:, None, :].expand(-1, count, -1)
    nodes_BND: Tensor = model.model(
        inputs_embeds=model.model.embed_tokens(ids_BN.to(device)),
        attention_mask=torch.cat([prompt_BNT, mask_BNN.to(device)], dim=2)[:, None],
        position_ids=mask_BT.sum(dim=1)[:, None] + depths_BN.to(device),
        past_key_values=cache,
        use_cache=True,
    ).last_hidden_state
    return nodes_BND


def _edge_logprobs(head: Any, hidden_ND: Tensor, tree: TokenTree) -> Tensor:
    """Return (E,) float32: ln P(token of the edge | the node where it starts)."""
    tokens_E = torch.tensor(tree.tokens, dtype=torch.long, device=hidden_ND.device)
    parents_E = torch.tensor(tree.parents, dtype=torch.long, device=hidden_ND.device)
    found_E = torch.zeros(len(tree.tokens), dtype=torch.float32, device=hidden_ND.device)
    for start in range(0, len(hidden_ND), HEAD_ROWS):
        logprobs_NV = head(hidden_ND[start : start + HEAD_ROWS]).float().log_softmax(dim=-1)
        inside_E = (parents_E >= start) & (parents_E < start + HEAD_ROWS)
        found_E[inside_E] = logprobs_NV[parents_E[inside_E] - start, tokens_E[inside_E]]
    return found_E


def _sum_paths(tree: TokenTree, edges_E: Tensor) -> Tensor:
    """Return (C,) on the CPU: the sum over the edges of each candidate."""
    longest = max(map(len, tree.paths), default=0)
    zero_edge = len(tree.tokens)
    paths_CM = torch.tensor([path + [zero_edge] * (longest - len(path)) for path in tree.paths], dtype=torch.long)
    padded_E = torch.cat([edges_E.cpu(), torch.zeros(1)])
    return padded_E[paths_CM].sum(dim=1) if tree.paths else torch.zeros(0)


def _score_separately(model: Any, candidates: Sequence[Sequence[int]], row: dict[str, Tensor]) -> Tensor:
    """Return (C,) from one forward pass of prompt + candidate for every candidate of one row."""
    found = []
    prompt = row["input_ids"].shape[1]
    for candidate in candidates:
        answer_1M = torch.tensor([candidate], dtype=torch.long, device=row["input_ids"].device)
        ids_1T = torch.cat([row["input_ids"], answer_1M[:, :-1]], dim=1)
        inputs = row | {"input_ids": ids_1T, "attention_mask": torch.ones_like(ids_1T)}
        hidden_MD = model.model(**inputs, use_cache=False).last_hidden_state[0, prompt - 1 :]
        path = TokenTree(
            tokens=list(candidate), parents=list(range(len(candidate))), inner=[], paths=[list(range(len(candidate)))]
        )
        found.append(_sum_paths(path, _edge_logprobs(model.lm_head, hidden_MD, path)))
    return torch.cat(found)


def _select_row(batch: dict[str, Tensor], row: int) -> dict[str, Tensor]:
    """Return one row of a batch without padding, with its own images."""
    real_T = batch["attention_mask"][row].bool()
    counts = count_images_per_row(batch["input_ids"])
    first = sum(counts[:row])
    selected = {name: batch[name][row : row + 1, real_T] for name in ("input_ids", "attention_mask")}
    if counts[row]:
        selected |= {name: batch[name][first : first + counts[row]] for name in ("pixel_values", "image_sizes")}
    return selected
