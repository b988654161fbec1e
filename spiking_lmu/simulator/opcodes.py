"""Numbers of the interpreter's instructions, each named after its kernel.

The one without a kernel, UNTIL_LAST, skips some numbers of code before the last step.
"""

(
    TIME_UPDATE,
    RECORD,
    FEED,
    RESET,
    COPY,
    INCREMENT,
    COPY_INDEXED,
    INCREMENT_INDEXED,
    ELEMENTWISE_INC,
    DOT_INC,
    SPARSE_DOT_INC,
    GAIN_FILTER,
    LOWPASS,
    STATE_SPACE_FILTER,
    TRIANGLE_FILTER,
    TABLE,
    PRESENT_INPUT,
    PIECEWISE,
    WATCH,
    POPULATION,
    POISSON_EVENTS,
    RATE_POPULATION,
    PES,
    BCM,
    OJA,
    VOJA,
    RLS,
    CONVOLUTION,
    UNTIL_LAST,
) = range(29)
