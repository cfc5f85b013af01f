"""Log-probabilities of given answers: one prefill a picture, and every shared beginning of two answers only once.

The candidates of a row are laid into a tree (a trie) of tokens. After the prompt, pictures and all, has gone through
the model once, all inner nodes of the tree go through it in a single second pass: a node sees the prompt's cached keys
and its own ancestors, at the position it would have in its answer. So thirty categories or five hundred prices cost
one prompt and a few hundred tokens. Same numbers as one forward of prompt + answer for each candidate. Source of the
attention among tree nodes: SpecInfer, arXiv 2305.09781, section 4.2.

Shapes: B rows, T positions of the prompt, N inner nodes of the largest tree, D width, V vocabulary, E edges (tokens)
of a row's tree, C candidates of a row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from finetune.phi3v.pictures import pictures_per_row
from schemas.errors import ToileError

HEAD_ROWS = 256
"""Positions whose logits are computed at once: 33 MB in float32 at the published vocabulary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTree:
    """The candidates of one row with their common beginnings merged.

    Edge e carries `tokens[e]` and leaves node `parents[e]`; node 0 is the end of the prompt, the others are numbered
    along `inner`. Only tokens that something follows are nodes: the last token of an answer is predicted, never read.
    """

    tokens: list[int]
    parents: list[int]
    inner: list[int]
    """The edge that leads to node 1, 2, ...; a parent comes before its children."""
    paths: list[list[int]]
    """The edges of each candidate."""

    def depths(self) -> list[int]:
        """How many tokens lie between the prompt and each of the nodes 1, 2, ...; 0 for the first token."""
        depths = [-1]
        for edge in self.inner:
            depths.append(depths[self.parents[edge]] + 1)
        return depths[1:]

    def sees(self) -> Tensor:
        """(N, N) bool: node n + 1 sees node m + 1, which is itself or an ancestor."""
        sees_NN = torch.eye(len(self.inner), dtype=torch.bool)
        for node, edge in enumerate(self.inner):
            if parent := self.parents[edge]:
                sees_NN[node] |= sees_NN[parent - 1]
        return sees_NN


def token_tree(candidates: Sequence[Sequence[int]]) -> TokenTree:
    """The tree of a row's candidates; ToileError for an empty one and for an id that is no token."""
    edges: dict[tuple[int, int], int] = {}
    node_of_edge: dict[int, int] = {}
    tree = TokenTree(tokens=[], parents=[], inner=[], paths=[])
    for candidate in candidates:
        if not candidate or min(candidate) < 0:
            problem = "is empty" if not candidate else f"holds the id {min(candidate)}"
            raise ToileError(f"candidate {list(candidate)!r}", problem, "Give each answer as a list of token ids.")
        node, path = 0, []
        for place, token in enumerate(candidate):
            if (node, token) not in edges:
                edges[node, token] = len(tree.tokens)
                tree.tokens.append(token)
                tree.parents.append(node)
            edge = edges[node, token]
            path.append(edge)
            if place + 1 < len(candidate):
                if edge not in node_of_edge:
                    tree.inner.append(edge)
                    node_of_edge[edge] = len(tree.inner)
                node = node_of_edge[edge]
        tree.paths.append(path)
    return tree


@torch.no_grad()
def candidate_logprobs(
    model: Any, candidates: Sequence[Sequence[Sequence[int]]], batch: dict[str, Tensor]
) -> list[Tensor]:
    """For each row, (C,) float32: ln P(candidate | prompt, pictures), summed over the candidate's tokens.

    `batch` is what the processor returned for the prompts, padded on either side. Raises ToileError where the numbers
    of rows differ and where a candidate is empty.
    """
    ids_BT = batch["input_ids"]
    if len(candidates) != len(ids_BT):
        problem = f"are given for {len(candidates)} rows, but the batch has {len(ids_BT)}"
        raise ToileError("candidates", problem, "Give one list of candidates, which may be empty, for each row.")
    trees = [token_tree(row) for row in candidates]
    mask_BT = batch.get("attention_mask")
    batch = batch | {"attention_mask": torch.ones_like(ids_BT) if mask_BT is None else mask_BT}
    lengths = batch["attention_mask"].sum(dim=1).tolist()
    switch = model.config.original_max_position_embeddings
    apart = [
        row for row, tree in enumerate(trees)
        if lengths[row] <= switch < lengths[row] + max(map(len, tree.paths), default=1) - 1
    ]  # fmt: skip
    found = _after_one_prefill(model, trees, batch)
    for row in apart:  # cached keys were rotated with the short factors; past the switch they are wrong
        found[row] = _each_on_its_own(model, candidates[row], _row(batch, row))
    return found


def _after_one_prefill(model: Any, trees: Sequence[TokenTree], batch: dict[str, Tensor]) -> list[Tensor]:
    """The prompts once, then all trees at once on top of the cached keys."""
    mask_BT = batch["attention_mask"].bool()
    prompt = model.model(**batch, use_cache=True)
    places_T = torch.arange(mask_BT.shape[1], device=mask_BT.device)
    last_B = torch.where(mask_BT, places_T, -1).amax(dim=1)
    hidden_BD = prompt.last_hidden_state[torch.arange(len(mask_BT), device=mask_BT.device), last_B]
    nodes_BND = _read_trees(model, trees, mask_BT, prompt.past_key_values)
    found = []
    for row, tree in enumerate(trees):
        hidden_ND = torch.cat([hidden_BD[row : row + 1], nodes_BND[row, : len(tree.inner)]])
        found.append(_sum_paths(tree, _edge_logprobs(model.lm_head, hidden_ND, tree)))
    return found


def _read_trees(model: Any, trees: Sequence[TokenTree], mask_BT: Tensor, cache: Any) -> Tensor:
    """(B, N, D) hidden states of the inner nodes; short trees are filled up with nodes that see only themselves."""
    device, count = mask_BT.device, max(len(tree.inner) for tree in trees)
    if not count:
        return torch.zeros(len(trees), 0, model.config.hidden_size, device=device, dtype=model.lm_head.weight.dtype)
    ids_BN = torch.zeros(len(trees), count, dtype=torch.long)
    depths_BN = torch.zeros(len(trees), count, dtype=torch.long)
    sees_BNN = torch.eye(count, dtype=torch.bool).repeat(len(trees), 1, 1)
    for row, tree in enumerate(trees):
        size = len(tree.inner)
        ids_BN[row, :size] = torch.tensor([tree.tokens[edge] for edge in tree.inner], dtype=torch.long)
        depths_BN[row, :size] = torch.tensor(tree.depths(), dtype=torch.long)
        sees_BNN[row, :size, :size] = tree.sees()
    prompt_BNT = mask_BT[:, None, :].expand(-1, count, -1)
    nodes_BND: Tensor = model.model(
        inputs_embeds=model.model.embed_tokens(ids_BN.to(device)),
        attention_mask=torch.cat([prompt_BNT, sees_BNN.to(device)], dim=2)[:, None],
        position_ids=mask_BT.sum(dim=1)[:, None] + depths_BN.to(device),
        past_key_values=cache,
        use_cache=True,
    ).last_hidden_state
    return nodes_BND


def _edge_logprobs(head: Any, hidden_ND: Tensor, tree: TokenTree) -> Tensor:
    """(E,) float32: ln P(token of the edge | the node it leaves)."""
    tokens_E = torch.tensor(tree.tokens, dtype=torch.long, device=hidden_ND.device)
    parents_E = torch.tensor(tree.parents, dtype=torch.long, device=hidden_ND.device)
    found_E = torch.zeros(len(tree.tokens), dtype=torch.float32, device=hidden_ND.device)
    for start in range(0, len(hidden_ND), HEAD_ROWS):
        logprobs_NV = head(hidden_ND[start : start + HEAD_ROWS]).float().log_softmax(dim=-1)
        inside_E = (parents_E >= start) & (parents_E < start + HEAD_ROWS)
        found_E[inside_E] = logprobs_NV[parents_E[inside_E] - start, tokens_E[inside_E]]
    return found_E


def _sum_paths(tree: TokenTree, edges_E: Tensor) -> Tensor:
    """(C,): the edges of each candidate added up, on the CPU."""
    longest = max(map(len, tree.paths), default=0)
    nothing = len(tree.tokens)
    paths_CM = torch.tensor([path + [nothing] * (longest - len(path)) for path in tree.paths], dtype=torch.long)
    padded_E = torch.cat([edges_E.cpu(), torch.zeros(1)])
    return padded_E[paths_CM].sum(dim=1) if tree.paths else torch.zeros(0)


def _each_on_its_own(model: Any, candidates: Sequence[Sequence[int]], row: dict[str, Tensor]) -> Tensor:
    """(C,): a forward of prompt + candidate for every candidate of one row."""
    found = []
    prompt = row["input_ids"].shape[1]
    for candidate in candidates:
        answer_1M = torch.tensor([candidate], dtype=torch.long, device=row["input_ids"].device)
        ids_1T = torch.cat([row["input_ids"], answer_1M[:, :-1]], dim=1)
        whole = row | {"input_ids": ids_1T, "attention_mask": torch.ones_like(ids_1T)}
        hidden_MD = model.model(**whole, use_cache=False).last_hidden_state[0, prompt - 1 :]
        path = TokenTree(
            tokens=list(candidate), parents=list(range(len(candidate))), inner=[], paths=[list(range(len(candidate)))]
        )
        found.append(_sum_paths(path, _edge_logprobs(model.lm_head, hidden_MD, path)))
    return torch.cat(found)


def _row(batch: dict[str, Tensor], row: int) -> dict[str, Tensor]:
    """One row of a batch on its own: without padding, with its own pictures."""
    real_T = batch["attention_mask"][row].bool()
    counts = pictures_per_row(batch["input_ids"])
    first = sum(counts[:row])
    alone = {name: batch[name][row : row + 1, real_T] for name in ("input_ids", "attention_mask")}
    if counts[row]:
        alone |= {name: batch[name][first : first + counts[row]] for name in ("pixel_values", "image_sizes")}
    return alone
