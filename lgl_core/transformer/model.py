"""Neuroformer: a causal transformer over spikes (Appendix B.2 and B.3); and a graph in its place.

Shapes: ``B`` sequences, ``T`` tokens each, ``H`` heads, ``W`` width of the model, ``N`` neurons,
``C`` interval classes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from lgl_core.disk.atomic import read_whole, replacing
from lgl_core.fields import check_fields
from lgl_core.transformer._blocks import Block, Seed, Step
from lgl_core.transformer.coupling import Coupling, CouplingConfig
from lgl_core.transformer.embeddings import fourier_features, position_features
from lgl_core.transformer.files import DamagedWeights, read_tensors, write_tensors
from lgl_core.transformer.kernels import counter_dropout, not_finite

__all__ = [
    "PRESETS",
    "GraphModel",
    "Neuroformer",
    "Seed",
    "TransformerConfig",
    "load_model",
    "preset",
    "save_model",
]

TimeEmbedding = Literal["interval", "elapsed", "rotary", "position"]
Mask = Literal["causal", "strict"]


@dataclass(frozen=True, kw_only=True)
class TransformerConfig:
    """Shape of a Neuroformer.

    Parameters
    ----------
    n_neurons, n_classes : int
        Sizes of the two vocabularies: neurons, and classes of intervals.
    n_layers, n_heads, width, context : int
        Depth, heads per layer, width of the residual stream, tokens per sequence.
    dropout : float
        Rate of dropout on embeddings, attention and residual branches.
    time_embedding : {"interval", "elapsed", "rotary", "position"}
        How a token knows its time: Fourier features of its interval (the paper's), of the time
        since the window's first token, queries and keys rotated by spike time, or not at all: fixed
        sinusoids of its position in the window, as in the code of the original hub study.
    mask : {"causal", "strict"}
        Whether a token may attend to itself and the past, or to the past only.
    interval_weight : float
        Weight of the interval loss in the sum of both losses; that of the neuron's loss is 1. The
        paper does not give it. What the network is wired like shows in who fires next, and a
        model that may spend less on intervals finds it sooner.
    coupling : CouplingConfig, optional
        A graph inside the model, which adds to the logits of the next neuron. Default: none, the
        paper's model. With one, ``n_layers`` may be 0: that is a :class:`GraphModel`.

    Raises
    ------
    ValueError
        If a size is not positive, the width does not divide into heads (of even width), or an
        option is unknown.
    """

    n_neurons: int
    n_classes: int
    n_layers: int = 3
    n_heads: int = 4
    width: int = 96
    context: int = 128
    dropout: float = 0.1
    time_embedding: TimeEmbedding = "interval"
    mask: Mask = "causal"
    interval_weight: float = 0.3
    coupling: CouplingConfig | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("n_neurons", "n_classes", "n_layers", "n_heads", "width", "context"):
            without_layers = name == "n_layers" and self.coupling and self.n_layers == 0
            if getattr(self, name) < 1 and not without_layers:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.width % (2 * self.n_heads):
            raise ValueError(
                f"width must be a multiple of 2 * n_heads = {2 * self.n_heads}, got {self.width}"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, got {self.dropout}")
        if self.interval_weight < 0:
            raise ValueError(f"interval_weight must be at least 0, got {self.interval_weight}")

    def build(self) -> AnyModel:
        """Make an untrained model of this shape; it draws from PyTorch's generator."""
        return Neuroformer(self) if self.n_layers else GraphModel(self)


PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"n_layers": 2, "n_heads": 2, "width": 32, "context": 64},
    "laptop": {"n_layers": 3, "n_heads": 4, "width": 96, "context": 128},
    "paper": {"n_layers": 8, "n_heads": 8, "width": 256, "context": 128},
    "original": {
        "n_layers": 2,
        "n_heads": 2,
        "width": 128,
        "context": 100,
        "time_embedding": "position",
        "interval_weight": 0.0,
    },
}


def preset(name: str, **changes: Any) -> TransformerConfig:
    """Make the configuration of a named size, with ``changes`` on top.

    Parameters
    ----------
    name : {"tiny", "laptop", "paper", "original"}
        ``"laptop"`` is the book's default, ``"paper"`` the size of Neuroformer's published
        models, ``"original"`` the model of the hub study that the paper's data come from (of the
        windows in its public code, 100, 1,000 and 2,000 tokens, the first), ``"tiny"`` serves
        demonstrations and tests.
    **changes
        Fields of :class:`TransformerConfig`; the two vocabulary sizes are required.

    Raises
    ------
    ValueError
        If there is no such preset.
    """
    if name not in PRESETS:
        raise ValueError(f"preset must be one of {sorted(PRESETS)}, got {name!r}")
    return TransformerConfig(**{**PRESETS[name], **changes})


class Neuroformer(nn.Module):
    """Predicts, from the spikes so far, which neuron fires next and after what interval.

    Parameters
    ----------
    config : TransformerConfig

    Raises
    ------
    ValueError
        If there are no layers.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        if not config.n_layers:
            raise ValueError("n_layers must be at least 1, or the model a GraphModel; got 0")
        self.config = config
        self.neuron_embedding = nn.Embedding(config.n_neurons, config.width)
        if config.time_embedding in ("interval", "elapsed"):
            self.time_embedding = nn.Linear(config.width, config.width, bias=False)
        rotary, strict = config.time_embedding == "rotary", config.mask == "strict"
        shape = config.width, config.n_heads, config.dropout, rotary, strict
        self.blocks = nn.ModuleList(Block(*shape) for _ in range(config.n_layers))
        self.norm = nn.LayerNorm(config.width)
        self.neuron_head = nn.Linear(config.width, config.n_neurons)
        self.interval_head = nn.Linear(config.width, config.n_classes)
        self.apply(_initialise)
        if config.coupling:
            self.coupling = Coupling(config.coupling, config.n_neurons)

    def forward(
        self,
        neurons: Tensor,
        intervals: Tensor,
        times: Tensor,
        seed: Seed | None = None,
        next_times: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Logits of the next neuron and of its interval's class.

        Parameters
        ----------
        neurons : Tensor of int, shape (B, T)
        intervals : Tensor of float, shape (B, T)
            Interval of each token in s.
        times : Tensor of float, shape (B, T)
            Time of each token in s since the window's first one.
        seed : tuple of int, optional
            Seed of dropout in training; it alone decides what is dropped, if empty nothing.
            Default: drawn from PyTorch's generator.
        next_times : Tensor of float, shape (B, T), optional
            Time of the token that is predicted at each position. A model with a coupling needs it:
            who fires is asked once it is known when.

        Returns
        -------
        neuron_logits : Tensor, shape (B, T, N)
        interval_logits : Tensor, shape (B, T, C)

        Raises
        ------
        ValueError
            If the model has a coupling and no ``next_times`` are given.
        """
        if seed is None:
            seed = (int(torch.randint(2**31, ())),) if self.training else ()
        x = self.embed(neurons, intervals, times)
        if self.training and seed:
            x = counter_dropout(x, self.config.dropout, seed)
        for step in self.walk(x, times, seed=seed):
            x = step.finish()
        x = self.norm(x)
        logits = self.neuron_head(x)
        if self.config.coupling:
            logits = logits + self.coupling(neurons, times, next_times)
        return logits, self.interval_head(x)

    def embed(self, neurons: Tensor, intervals: Tensor, times: Tensor, first: int = 0) -> Tensor:
        """Embed tokens: ``z = e[neuron] + u(interval)``, shape (B, T, W).

        ``first`` is the position in the window of the first token that is given.
        """
        x, kind = self.neuron_embedding(neurons), self.config.time_embedding
        if kind == "position":
            n_positions = first + neurons.shape[1]
            return x + position_features(n_positions, self.config.width, x.device)[first:]
        if kind != "rotary":
            clock = intervals if kind == "interval" else times
            x = x + self.time_embedding(fourier_features(clock, self.config.width))
        return x

    def walk(self, x: Tensor, times: Tensor, *, seed: Seed = (), first: int = 0) -> Iterator[Step]:
        """Go from block to block: the forward pass, for whoever looks into it or changes it.

        Parameters
        ----------
        x, times : Tensor, shapes (B, T, W) and (B, T)
            State before the block ``first``, such as from :meth:`embed`, and times in s.
        seed : tuple of int
            Seed of dropout in training. Default: nothing is dropped.
        first : int

        Yields
        ------
        Step
            The next block and what it gets. Its ``finish()`` passes it; unfinished, it is left out.
        """
        for number in range(first, len(self.blocks)):
            block = self.blocks[number]
            assert isinstance(block, Block)
            step = Step(number, block, x, times, seed and (*seed, number + 1))
            yield step
            x = step.output

    @torch.no_grad()
    def attention(self, neurons: Tensor, intervals: Tensor, times: Tensor) -> list[Tensor]:
        """Attention matrices ``A[query, key]`` of each layer, a list of (B, H, T, T)."""
        matrices = []
        for step in self.walk(self.embed(neurons, intervals, times), times):
            query, key, value = step.project()
            matrices.append(step.attention.matrix(query, key))
            step.finish(matrices[-1] @ value)
        return matrices


class GraphModel(nn.Module):
    """Predicts the next neuron from a graph alone: past spikes add to its share, pair by pair.

    Parameters
    ----------
    config : TransformerConfig
        With a coupling and no layers. Width and heads are of no matter.

    Raises
    ------
    ValueError
        If there are layers, or no coupling.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        if config.n_layers or not config.coupling:
            raise ValueError(f"n_layers must be 0 beside a coupling, got {config.n_layers}")
        self.config = config
        # Heads that know no past: the same logits for every token.
        self.neuron_head = nn.ParameterDict({"bias": torch.zeros(config.n_neurons)})
        self.interval_head = nn.ParameterDict({"bias": torch.zeros(config.n_classes)})
        self.coupling = Coupling(config.coupling, config.n_neurons)

    def forward(
        self,
        neurons: Tensor,
        intervals: Tensor,
        times: Tensor,
        seed: Seed | None = None,
        next_times: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Logits of the next neuron and of its interval's class, as of a :class:`Neuroformer`."""
        logits = self.neuron_head["bias"] + self.coupling(neurons, times, next_times)
        return logits, self.interval_head["bias"].expand(*neurons.shape, -1)


AnyModel = Neuroformer | GraphModel


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


def save_model(model: AnyModel, path: Path) -> None:
    """Write weights and configuration to ``path`` (safetensors, with a checksum over both).

    The configuration also stands beside it (``.json``), for whoever looks there.

    Raises
    ------
    OSError
        If a file cannot be written. It is then what it was before.
    """
    about = json.dumps(asdict(model.config), indent=2)
    with replacing(_beside(path)) as partial:
        partial.write_text(about)
    write_tensors(model.state_dict(), about, path)


def load_model(path: Path) -> AnyModel:
    """Read what :func:`save_model` wrote; nothing is unpickled. The model is in evaluation mode.

    Of files from before there were checksums, the configuration beside the weights is read.

    Raises
    ------
    DamagedWeights
        If the weights are damaged, are not those of the configuration, or are not finite.
    OSError, ValueError
        If a file cannot be opened, or the configuration is none.
    """
    tensors, about = read_tensors(path)
    source = path if about is not None else _beside(path)
    model = _configuration(read_whole(source) if about is None else about, source).build()
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise DamagedWeights(
            f"{path} is damaged: it holds no weights of the model in {source.name}"
        ) from error
    if names := not_finite(model.state_dict()):
        raise DamagedWeights(f"{path} is damaged: not finite are {', '.join(names)}")
    return model.eval()


def _beside(path: Path) -> Path:
    """Name the configuration of weights, whose own name may have dots that are no ending."""
    return path.with_name(path.name.removesuffix(".safetensors") + ".json")


def _configuration(text: str | bytes, source: Path) -> TransformerConfig:
    try:
        config = json.loads(text)
        if config.get("coupling"):
            config["coupling"] = CouplingConfig(**config["coupling"])
        return TransformerConfig(**config)
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{source} holds no configuration of a model ({error}): it is left as it is, and the "
            "weights with it. Mend it, or move both away to train anew"
        ) from error
