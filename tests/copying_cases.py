"""Arguments of a small copy experiment."""

ARGUMENTS = {
    "encoders": ("learned", "ring"),
    "delays": (5,),
    "models": ("lmu", "lstm"),
    "updates": 6,
    "learning_rates": (0.001, 0.01),
    "trials": 2,
    "ring_delays": (30,),
    "ring_units": 40,
    "ring_order": 20,
    "ring_sequences": 150,
    "ring_epochs": 4,
    "ring_learning_rate": 0.03,
    "seed": 0,
}
