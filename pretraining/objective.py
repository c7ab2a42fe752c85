"""What the network is trained for: the classes of query rows, given the labelled rows of the same table."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pretraining.prior import IGNORED, Tables
from sdl_cli.learning.models.table_network import MAX_CLASSES

SCORES = ("loss", "frequency_loss", "accuracy", "majority_accuracy")
_IMPOSSIBLE = -1e4  # the logit of a class that a table does not have


def score_tables(net: nn.Module, tables: Tables, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The loss, and the numbers named in `SCORES`, (4,), without gradient.

    The loss is the cross-entropy in nats over the table's own classes: mean over query rows, then over tables. Beside it stand
    the same from the frequencies of labels alone (with one added to each count), and the accuracies of network and majority.
    """
    labels, targets, num_classes = tables.labels, tables.query_labels, tables.num_classes.view(-1, 1)
    logits = net(tables.values, tables.labels, dtype)
    number = torch.arange(MAX_CLASSES, device=logits.device).view(1, 1, -1)
    logits = logits.masked_fill(number >= num_classes.unsqueeze(2), _IMPOSSIBLE)
    counts = (targets != IGNORED).float()
    losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none")
    loss = _over_rows(losses.view_as(targets), counts)
    with torch.no_grad():
        frequency = torch.zeros(len(labels), MAX_CLASSES, device=logits.device)
        frequency.scatter_add_(1, labels, torch.ones_like(labels, dtype=torch.float32))
        log_share = torch.log((frequency + 1) / (labels.shape[1] + num_classes))
        of_frequency = _over_rows(-log_share.gather(1, targets.clamp(min=0)), counts)
        accuracy = _over_rows((logits.argmax(2) == targets).float(), counts)
        of_majority = _over_rows((frequency.argmax(1, keepdim=True) == targets).float(), counts)
    return loss, torch.stack([loss.detach(), of_frequency, accuracy, of_majority])


def _over_rows(values: Tensor, counts: Tensor) -> Tensor:
    """The mean over the rows (B, m) that count, then over tables."""
    return ((values * counts).sum(1) / counts.sum(1).clamp(min=1)).mean()
