"""Integers of the chip: what rounding does to a population, and what it must not do."""

import nengo
import nengo_loihi
import numpy as np
import pytest
from nengo.exceptions import BuildError
from nengo_loihi.block import LoihiBlock, Synapse
from nengo_loihi.builder import Model
from nengo_loihi.builder.discretize import (
    BIAS_MAX,
    U_BITS,
    VTH_MAX,
    decay_int,
    discretize_block,
)
from nengo_loihi.emulator import EmulatorInterface
from nengo_loihi.inputs import SpikeInput
from nengo_loihi.probe import LoihiProbe

from spiking_lmu.hardware.discretization import (
    LARGEST_EXPONENT,
    LEAST_EXPONENT,
    MAGNITUDES,
    QUANTUM,
    _factors,
    discretize_scaled_block,
    discretize_stochastic_block,
    kept_of_current,
    round_together,
)
from spiking_lmu.hardware.stochastic import ChipPoisson, build_stochastic

DT, N = 0.001, 20
LIF, RELU = nengo.LIF(), nengo.SpikingRectifiedLinear()


def block_of(neuron_type=LIF, tau=0.1, weights=(), bias=None, **kwargs):
    """A block as the builder leaves it, with weights (n_axons, n) from each source."""
    block = LoihiBlock(N)
    compartment = block.compartment
    if isinstance(neuron_type, ChipPoisson):
        with nengo.Network():
            ensemble = nengo.Ensemble(
                N,
                1,
                neuron_type=neuron_type,
                max_rates=nengo.dists.Uniform(50, 180),
            )
        build_stochastic(Model(dt=DT), neuron_type, ensemble.neurons, block)
        compartment.bias[:] = np.linspace(-80, 80, N)
    elif isinstance(neuron_type, nengo.LIF):
        compartment.configure_lif(dt=DT, **kwargs)
        compartment.bias[:] = np.linspace(-9, 9, N)
    else:
        compartment.configure_relu(vth=1 / DT, dt=DT)
        compartment.bias[:] = np.linspace(-200, 200, N)
    if bias is not None:
        compartment.bias[:] = bias
    compartment.configure_filter(tau, dt=DT)
    for each in weights:
        synapse = Synapse(len(each))
        synapse.set_weights(np.array(each, dtype=np.float32))
        block.add_synapse(synapse)
    return block


def stochastic_block(bias=80.0, **kwargs):
    return block_of(ChipPoisson(), bias=np.linspace(-bias, bias, N), **kwargs)


def integers(synapse):
    return np.vstack(synapse.weights)


def quantum_of(synapse):
    return QUANTUM * 2.0**synapse.synapse_cfg.weight_exp


def sources(seed=0, size=1.0, n_axons=100):
    """Weights of very different sizes, from source to source and neuron to neuron."""
    rng = np.random.default_rng(seed)
    of_neurons = rng.uniform(0.05, 1, size=N)
    return [
        size * scale * of_neurons * rng.uniform(-1, 1, size=(n_axons, N))
        for scale in (1, 0.3, 0.02)
    ]


# neurons without noise: a factor for each


@pytest.mark.parametrize("neuron_type", [LIF, RELU], ids=["lif", "relu"])
@pytest.mark.parametrize("tau", [0.0, 0.005, 0.1, 0.5])
@pytest.mark.parametrize("size", [None, 0.0, 1e-6, 0.3, 30.0])
@pytest.mark.parametrize("bias", [0.0, 1.0, 100.0])
def test_numbers_fit_the_chip(neuron_type, tau, size, bias):
    weights = [] if size is None else sources(size=size)
    block = block_of(neuron_type, tau, weights)
    block.compartment.bias *= bias
    wanted = block.compartment.bias.copy()
    vth = block.compartment.vth.copy()
    factors = _factors(block)
    v_scale = discretize_scaled_block(block)
    compartment = block.compartment
    assert np.all(factors > 0) and np.isfinite(factors).all()
    assert np.all(compartment.vth > 0) and np.all(compartment.vth <= VTH_MAX)
    assert np.all(np.abs(compartment.bias) <= BIAS_MAX)
    # what was rounded, in proportion to the factor; nothing was scaled down again
    np.testing.assert_allclose(compartment.vth, v_scale * factors * vth, atol=33)
    steps = np.maximum(np.abs(compartment.bias) / 2**11, 1)
    b_scale = compartment.discretize_info["b_scale"] * factors
    assert np.all(np.abs(compartment.bias - b_scale * wanted) <= steps)
    for synapse, exact in zip(block.synapses, weights):
        exponent = synapse.synapse_cfg.weight_exp
        assert LEAST_EXPONENT <= exponent <= LARGEST_EXPONENT
        steps = integers(synapse) / quantum_of(synapse)
        assert np.all(steps == np.round(steps)) and np.abs(steps).max() <= MAGNITUDES
        error = integers(synapse) - factors * exact
        assert np.abs(error).max() <= 1.01 * quantum_of(synapse)
        assert np.abs(error.sum(axis=0)).max() <= 1.01 * quantum_of(synapse)


@pytest.mark.parametrize("neuron_type", [LIF, RELU], ids=["lif", "relu"])
@pytest.mark.parametrize("tau", [0.005, 0.1])
def test_factors_change_nothing_but_rounding(neuron_type, tau):
    """Neurons of integers fire as those of floats, as far as rounding lets them."""
    size = 0.02 if neuron_type is LIF else 1.0
    counts = []
    for discretize in (None, discretize_scaled_block):
        block = block_of(neuron_type, tau, sources(size=size))
        model = Model(dt=DT)
        model.add_block(block)
        rng = np.random.default_rng(1)
        for synapse in block.synapses:
            spikes = SpikeInput(synapse.n_axons)
            axon = nengo_loihi.block.Axon(synapse.n_axons)
            axon.target = synapse
            spikes.add_axon(axon)
            model.add_input(spikes)
            for t in range(1, 1000):
                spikes.add_spikes(t, np.flatnonzero(rng.random(synapse.n_axons) < 0.1))
        probe = LoihiProbe(target=block, key="spiked")
        model.add_probe(probe)
        if discretize:
            discretize(block)
        with EmulatorInterface(model) as run:
            run.run_steps(1000)
            counts.append(np.sum(run.collect_probe_output(probe), axis=0))
    exact, rounded = counts
    assert np.ptp(exact) > 50 and exact.min() < 5
    np.testing.assert_allclose(rounded, exact, rtol=0.03, atol=2)


def test_rounding_loses_less_than_that_of_nengo_loihi():
    """nengo_loihi's own loses most of the small weights of LIF neurons."""
    rng = np.random.default_rng(0)
    exact = rng.uniform(0, 0.02, size=(400, N))
    exact[0, 0] = 1  # one large weight decides the quantum of all

    def error_of_sums(discretize):
        block = block_of(weights=[exact])
        factors = _factors(block)
        discretize(block)
        if discretize is discretize_block:
            info = block.discretize_info
            factors = info["w_scale"] * 64 * 2.0 ** info["w_exp"]
        sums = integers(block.synapses[0]).sum(axis=0)
        return np.abs(sums / (factors * exact.sum(axis=0)) - 1)[1:].max()

    with pytest.warns(UserWarning, match="Lost .* extra bits"):
        plain = error_of_sums(discretize_block)
    assert error_of_sums(discretize_scaled_block) < 0.1 * plain


@pytest.mark.parametrize("neuron_type", [LIF, RELU], ids=["lif", "relu"])
def test_weights_too_large_beside_the_others(neuron_type):
    """One weight that is alone among small ones has to fit as well."""
    small = np.full((50, N), 0.01)
    large = small.copy()
    large[0, 0] = 1e12
    block = block_of(neuron_type, weights=[small, small, large])
    with pytest.raises(BuildError, match="too large for the chip, beside"):
        discretize_scaled_block(block)


def test_voltages_may_go_below_zero_as_far_as_before():
    """The chip has one lower bound for all, a power of two."""
    block = block_of(weights=sources(), min_voltage=-1)
    vth = block.compartment.vth[0]
    discretize_scaled_block(block)
    compartment = block.compartment
    relative = -compartment.vmin / compartment.vth
    assert relative.max() >= 0.7 / vth
    block = block_of(weights=sources(), min_voltage=0)
    discretize_scaled_block(block)
    assert block.compartment.vmin == 0


@pytest.mark.parametrize("excess", [1, 3])
@pytest.mark.parametrize("neuron_type", [LIF, RELU], ids=["lif", "relu"])
def test_fast_neurons_do_not_overflow(neuron_type, excess):
    """Up to a thousand spikes a second, and well beyond the radius."""
    high = 300 if neuron_type is LIF else 900
    rng = np.random.default_rng(0)
    max_rates, intercepts = rng.uniform(100, high, N), rng.uniform(-0.9, 0.9, N)
    gain, bias = neuron_type.gain_bias(max_rates, intercepts)
    # 20 axons that all fire in each step
    weights = [np.tile(excess * gain / 20, (20, 1))]
    block = block_of(neuron_type, 0.01, weights, bias)
    factors = _factors(block)
    discretize_scaled_block(block)
    info = block.discretize_info
    currents = info["b_scale"] * factors * (excess * gain + np.abs(bias))
    assert currents.max() < 2**U_BITS


# neurons that fire at random


@pytest.mark.parametrize("tau", [0.0, 0.005, 0.1, 0.5])
@pytest.mark.parametrize("size", [None, 0.0, 1e-6, 0.3, 30.0, 3e3])
@pytest.mark.parametrize("bias", [0.0, 80.0, 4e4])
def test_noise_fits_the_threshold(tau, size, bias):
    """Half of the noise's range of 255 steps is the threshold, whatever the scales."""
    rng = np.random.default_rng(0)
    weights = [] if size is None else [size * rng.normal(size=(30, N))]
    block = stochastic_block(bias=bias, weights=weights, tau=tau)
    wanted = block.compartment.bias.astype(float)
    v_scale = discretize_stochastic_block(block)
    step = 2.0 ** (block.compartment.noise_exp - 7)
    assert v_scale * 0.5 / DT == pytest.approx(127.5 * step, rel=1e-9)
    # the chip holds thresholds in multiples of 64; biases make up for it
    assert step >= 1
    threshold = block.compartment.vth.astype(float) - block.compartment.bias
    coarse = max(np.abs(block.compartment.bias).max() / 4095, 1)
    np.testing.assert_allclose(
        threshold, 127.5 * step - wanted * v_scale, rtol=0, atol=coarse
    )


def test_weights_too_large_for_the_noise():
    block = stochastic_block(weights=[np.full((5, N), 1e9)])
    with pytest.raises(BuildError, match="too large for the noise"):
        discretize_stochastic_block(block)


@pytest.mark.parametrize("tau", [0.0, 0.1])
def test_rounded_weights_keep_their_sums(tau):
    """The error of all weights of a neuron is within one quantum, however small.

    Of the second synapse hardly a weight is as large as half of a quantum.
    """
    rng = np.random.default_rng(0)
    large = rng.uniform(-1, 1, size=(100, N))
    wanted = [40 * large, 0.3 * rng.uniform(0, 1, size=(100, N)), 0 * large]
    block = stochastic_block(weights=wanted, tau=tau)
    discretize_stochastic_block(block)
    info = block.discretize_info
    # the largest weight that nengo-loihi was told of is 255 at this scale
    scale = info["w_scale"] * 64 * 2.0 ** info["w_exp"]
    for synapse, exact in zip(block.synapses, wanted):
        error = integers(synapse) - scale * exact
        assert np.abs(error).max() <= 1.01 * quantum_of(synapse)
        assert np.abs(error.sum(axis=0)).max() <= 1.01 * quantum_of(synapse)
    if tau == 0.1:
        assert np.abs(scale * wanted[1]).mean() < QUANTUM / 4
        assert integers(block.synapses[1]).any()


@pytest.mark.parametrize("seed", range(3))
def test_weights_that_are_rounded_together_decode_the_same(seed):
    """Far better than each by itself, for neurons with a few kinds of tuning."""
    rng = np.random.default_rng(seed)
    x = np.linspace(-1, 1, 40)[:, None]
    slopes, offsets = rng.uniform(-2, 2, size=(2, 400))
    rates = np.maximum(slopes * x + offsets, 0)
    weights = rng.normal(scale=2.0, size=(400, 20))
    _, sizes, directions = np.linalg.svd(rates, full_matrices=False)
    tuning = (sizes[:8, None] * directions[:8]).T
    together = round_together(weights, tuning)
    assert np.array_equal(together, np.round(together))

    def error(rounded):
        return np.sqrt(np.mean((rates @ (rounded - weights)) ** 2))

    assert error(together) < 0.2 * error(np.round(weights))
    assert error(together) < 0.5 * error(round_together(weights))


def test_weights_are_rounded_by_less_than_their_neighbours_need():
    """Without tuning curves, sums are never off by more than one."""
    weights = np.random.default_rng(0).uniform(-3, 3, size=(100, 7))
    off = np.cumsum(round_together(weights) - weights, axis=0)
    assert np.abs(off).max() <= 1 + 1e-9


def test_silent_neurons_take_no_part():
    tuning = np.vstack([np.ones((5, 2)), np.zeros((5, 2))])
    weights = np.full((10, 3), 0.4)
    np.testing.assert_array_equal(round_together(weights, tuning)[5:], 0)


@pytest.mark.parametrize("tau", [0.002, 0.1, 0.3, 0.9])
def test_currents_decay_as_they_do_on_the_chip(tau):
    """Against the decay of nengo-loihi, of as large a current as there can be."""
    block = block_of(tau=tau, weights=[np.ones((3, N))])
    discretize_scaled_block(block)
    u = [np.array([2**22])]
    for _ in range(4):
        u.append(decay_int(u[-1], block.compartment.decay_u[0], offset=1))
    kept = float(u[-1][0] / u[0][0]) ** (1 / 4)
    assert kept_of_current(tau, DT) == pytest.approx(kept, abs=2e-6)
    assert kept_of_current(tau, DT) == pytest.approx(np.exp(-DT / tau), abs=2**-12)
