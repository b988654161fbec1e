"""What networks cost by NeuroBench's measures, as columns of trials and on a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from spiking_lmu.networks import NetworkComplexity

WORDS = (
    "Footprint, sparsity and synaptic operations are those of NeuroBench (Yik et al. "
    "2025). Operations are those of one time step. In factors, populations have "
    "encoders and decoders, as in Nengo. Multiplied out, each neuron has a weight for "
    "each neuron that it receives spikes from. Effective operations leave out zeros. "
    "They are accumulates (ACs) where all inputs of a layer are 0 or 1 in a step, and "
    "multiply-accumulates (MACs) elsewhere, also where a neuron spikes twice in a "
    "step. Numbers take four bytes."
)
FORMS = {"factors": "factors", "weights": "multiplied out"}
#: Columns of a trial: all measures in both forms.
COLUMNS = tuple(
    f"{form}_{measure}"
    for form in FORMS
    for measure in (
        "footprint",
        "connection_sparsity",
        "activation_sparsity",
        "dense",
        "effective_macs",
        "effective_acs",
    )
)


def complexity_columns(found: NetworkComplexity) -> dict[str, Any]:
    """The numbers of `COLUMNS` for a trial."""
    values = [v for form in FORMS for v in getattr(found, form).numbers.values()]
    return dict(zip(COLUMNS, values, strict=True))


def complexity_section(
    rows: pd.DataFrame, labels: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Words, and a table with two rows for each network, one for each form.

    Parameters
    ----------
    rows : pandas.DataFrame
        Trials or their means. Those of earlier versions have no such columns.
    labels : mapping
        The first columns of the table: for each, a value for each row.

    Returns
    -------
    section : dict or None
        ``words`` and ``table``; None if no row was counted.
    """
    if not set(COLUMNS) <= set(rows.columns):
        return None
    labelled = rows.assign(**{f"label {k}": v for k, v in enumerate(labels.values())})
    counted = labelled[labelled["factors_dense"].notna()]
    if counted.empty:
        return None
    table = pd.DataFrame(
        {
            **{name: row[f"label {k}"] for k, name in enumerate(labels)},
            "Weights": words,
            "kB": row[f"{form}_footprint"] / 1000,
            "Zero weights, %": 100 * row[f"{form}_connection_sparsity"],
            "Zero activations, %": 100 * row[f"{form}_activation_sparsity"],
            "Dense": row[f"{form}_dense"],
            "Effective MACs": row[f"{form}_effective_macs"],
            "Effective ACs": row[f"{form}_effective_acs"],
        }
        for _, row in counted.iterrows()
        for form, words in FORMS.items()
    )
    return {"words": WORDS, "table": table}
