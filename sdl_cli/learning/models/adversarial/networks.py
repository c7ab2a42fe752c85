"""The two networks: a discriminator that is the classifier, with two outputs for each class, and a class-conditional generator.

Their shapes are those of Zhang, Wang, Liu and Ling, "DADA: Deep adversarial data augmentation for extremely low data regime
classification" (2018), which took the discriminator from Salimans et al., "Improved techniques for training GANs" (2016).
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_SLOPE = 0.2  # of leaky ReLU below 0
_MOST_START_PX = 7  # side of the generator's first map


class WeightNormConv2d(nn.Module):
    """A convolution whose filters have a learned length and direction; `(N, I, H, W)` to `(N, O, H', W')`.

    Salimans and Kingma, "Weight normalization" (2016): w = g v / |v|. The lengths start as those of He's initialisation.
    """

    def __init__(self, in_channels: int, out_channels: int, side: int = 3, stride: int = 1, padding: int = 1) -> None:
        super().__init__()
        # so short that a step of Adam turns it: as published, a twentieth of what has no effect on the output
        self.direction = nn.Parameter(0.05 * torch.randn(out_channels, in_channels, side, side))
        self.length = nn.Parameter(torch.full((out_channels,), math.sqrt(2 / (1 + _SLOPE**2))))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.stride, self.padding = stride, padding

    def forward(self, x: Tensor) -> Tensor:
        norms = self.direction.flatten(1).norm(dim=1)
        filters = self.direction * (self.length / norms)[:, None, None, None]
        return F.conv2d(x, filters, self.bias, self.stride, self.padding)


class GaussianNoise(nn.Module):
    """Noise of this standard deviation on every number, in training alone."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, x: Tensor) -> Tensor:
        return x + self.std * torch.randn_like(x) if self.training and self.std else x


class Convolutional(nn.Module):
    """What embeds images `(N, C, H, W)` to `(N, 2 width)`: seven 3x3 convolutions, two 1x1, and the mean over positions.

    The third and the sixth convolution halve the side; what follows them is dropped at random.

    Arguments:
        size: height and width of the images. norm: weight or batch.
    """

    def __init__(self, in_channels: int, size: Sequence[int], width: int, norm: str, input_noise: float, dropout: float) -> None:
        super().__init__()
        self.norm, self.embedding_size = norm, 2 * width
        side, channels = min(size), in_channels
        layers: list[nn.Module] = [GaussianNoise(input_noise)]
        for stage in (width, 2 * width):
            for place in range(3):
                halves = place == 2 and side >= 4
                layers += self._layer(channels, stage, stride=2 if halves else 1)
                side, channels = (side + 1) // 2 if halves else side, stage
            layers.append(nn.Dropout(dropout))
        layers += self._layer(channels, channels, padding=0 if side >= 3 else 1)
        layers += [*self._layer(channels, channels, side=1, padding=0), *self._layer(channels, channels, side=1, padding=0)]
        self.layers = nn.Sequential(*layers)

    def _layer(self, in_channels: int, out_channels: int, side: int = 3, stride: int = 1, padding: int = 1) -> list[nn.Module]:
        if self.norm == "weight":
            return [WeightNormConv2d(in_channels, out_channels, side, stride, padding), nn.LeakyReLU(_SLOPE)]
        conv = nn.Conv2d(in_channels, out_channels, side, stride, padding, bias=False)
        nn.init.kaiming_normal_(conv.weight, a=_SLOPE)
        return [conv, nn.BatchNorm2d(out_channels), nn.LeakyReLU(_SLOPE)]

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x).mean((2, 3))
        return out


class TwoSidedHead(nn.Module):
    """A linear map of embeddings `(N, D)` to two logits for each class, of a real and of a generated image.

    Called, it gives `(N, K)`: the log of the sum of both, of which a softmax is what the softmax over all 2 K gives each class.
    The sum, not the larger of the two: an image is of a class whether it is real or not, so the probabilities of both add up, and
    they sum to 1 over the classes, which the larger ones do not.
    """

    def __init__(self, embedding_size: int, num_classes: int) -> None:
        super().__init__()
        self.map = nn.Linear(embedding_size, 2 * num_classes)
        nn.init.zeros_(self.map.bias)

    def sides(self, embeddings: Tensor) -> Tensor:
        """All logits `(N, 2 K)`: of the classes of real images, then of generated ones."""
        out: Tensor = self.map(embeddings)
        return out

    def forward(self, embeddings: Tensor) -> Tensor:
        return class_logits(self.sides(embeddings))


def class_logits(sides: Tensor) -> Tensor:
    """Logits `(N, K)` of classes, from those of both sides `(N, 2 K)`."""
    return torch.stack(sides.float().chunk(2, dim=1)).logsumexp(0)


class Generator(nn.Module):
    """Images `(N, C, H, W)` in [0, 1] from random numbers `(N, noise_size)` and classes `(N, K)`.

    A linear map to a map of at most 7 x 7, then transposed convolutions of 5 x 5 that double its side, each but the last with
    BatchNorm and ReLU; every layer is given the class. What is over the image's size at the lower right is left out.

    Arguments:
        shape: channels, height and width of an image. width: channels before the last layer, doubled for each layer before it.
    """

    def __init__(self, shape: Sequence[int], num_classes: int, noise_size: int, width: int) -> None:
        super().__init__()
        channels, self.size = shape[0], (int(shape[1]), int(shape[2]))
        self.noise_size, self.num_classes = noise_size, num_classes
        doublings = max(1, math.ceil(math.log2(max(self.size) / _MOST_START_PX)))
        start = [math.ceil(side / 2**doublings) for side in self.size]
        widths = [width * 2 ** min(3, doublings - 1 - i) for i in range(doublings)]
        self.start = (widths[0], *start)
        first = math.prod(self.start)
        self.first = nn.Sequential(nn.Linear(noise_size + num_classes, first), nn.BatchNorm1d(first))
        self.grow, self.norms = nn.ModuleList(), nn.ModuleList()
        for here, after in zip(widths, [*widths[1:], channels], strict=True):
            conv = nn.ConvTranspose2d(here + num_classes, after, 5, stride=2, padding=2, output_padding=1)
            nn.init.normal_(conv.weight, std=0.05)
            self.grow.append(conv)
        self.norms.extend(nn.BatchNorm2d(after) for after in widths[1:])

    def forward(self, noise: Tensor, classes: Tensor) -> Tensor:
        x = F.relu(self.first(torch.cat([noise, classes], dim=1))).reshape(-1, *self.start)
        for i, conv in enumerate(self.grow):
            told = classes[:, :, None, None].to(x.dtype).expand(-1, -1, *x.shape[2:])
            x = conv(torch.cat([x, told], dim=1))
            if i < len(self.norms):
                x = F.relu(self.norms[i](x))
        images: Tensor = x[:, :, : self.size[0], : self.size[1]].float().sigmoid()
        return images


@contextlib.contextmanager
def frozen(net: nn.Module) -> Iterator[None]:
    """Within it gradients pass through a network, but none is kept for its weights, and none of its statistics changes."""
    weights = [p for p in net.parameters() if p.requires_grad]
    for p in weights:
        p.requires_grad_(False)
    try:
        with statistics_kept(net):
            yield
    finally:
        for p in weights:
            p.requires_grad_(True)


@contextlib.contextmanager
def statistics_kept(net: nn.Module) -> Iterator[None]:
    """Within it BatchNorm normalises by the batch at hand, and its running statistics stay: they are those of real images."""
    norms = [part for part in net.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    before = [part.momentum for part in norms]
    for part in norms:
        part.momentum = 0.0
    try:
        yield
    finally:
        for part, momentum in zip(norms, before, strict=True):
            part.momentum = momentum
